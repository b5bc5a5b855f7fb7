from __future__ import annotations

import pytest

from airflow_provider_convexport.errors import SupersededError
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.stage import attempt as module
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.checkpoint import Checkpoint, Saved
from airflow_provider_convexport.export.stage.partitioner import Counts

NEWER = "A newer attempt of this task has taken over"


class Note(Saved, frozen=True, kw_only=True):
    """A plan."""

    text: str


def note(text, saved_at=1.0):
    return Note(saved_at=saved_at, text=text)


def point(pages):
    """A checkpoint that can be told from others by its pages."""
    return Checkpoint(
        saved_at=1.0, requested_at=1.0, windows=[], segments=[], counts=Counts(), usage=Usage(pages=pages)
    )


def begin(store, fingerprint="print", task="task"):
    return Attempt.begin(store, task=task, fingerprint=fingerprint)


def plan_of(attempt):
    found = attempt.adopt_plan(Note, not_before=0)
    return found and found.text


def pages_of(attempt):
    found = attempt.newest_checkpoint(not_before=0)
    return found and found.usage.pages


def test_a_first_attempt_holds_its_lease_and_finds_nothing(store):
    attempt = begin(store)

    attempt.check()
    assert plan_of(attempt) is None
    assert pages_of(attempt) is None
    assert store.find("_staging") == [attempt.path("lease")]


def test_a_later_attempt_sorts_after_an_earlier_one_and_ends_its_right_to_go_on(store):
    old = begin(store)
    new = begin(store)

    assert new.name > old.name
    new.check()
    with pytest.raises(SupersededError, match=NEWER):
        old.check()


def test_a_later_attempt_with_other_parameters_ends_the_earlier_one_but_does_not_use_its_work(store):
    old = begin(store, "one")
    old.save_checkpoint(point(7))
    new = begin(store, "two")

    assert pages_of(new) is None
    with pytest.raises(SupersededError, match=NEWER):
        old.check()


def test_other_tasks_do_not_disturb(store):
    one, two = begin(store, task="one"), begin(store, task="two")

    one.check()
    two.check()
    two.finish()
    one.check()


def test_a_retry_finds_what_the_newest_attempt_left(store):
    for pages in (1, 2):
        begin(store).save_checkpoint(point(pages))

    assert pages_of(begin(store)) == 2


def test_what_was_saved_too_long_ago_is_not_used(store):
    begin(store).save_plan(note("old", saved_at=10.0), commit="c0ffee")

    assert begin(store).adopt_plan(Note, not_before=10.5) is None
    assert begin(store).adopt_plan(Note, not_before=10.0) == note("old", saved_at=10.0)


def test_a_checkpoint_of_another_layout_is_as_good_as_none(store):
    begin(store).save_checkpoint(point(1))
    store.put(begin(store).path("checkpoint-000001"), b'{"other": 1}')
    attempt = begin(store)
    store.put(attempt.path("checkpoint-000001"), b"not JSON")

    assert pages_of(begin(store)) == 1


def test_a_plan_written_before_the_lease_was_lost_is_carried_out_by_the_newer_attempt(store):
    old = begin(store)
    old.save_plan(note("plan"), commit="c0ffee")
    new = begin(store)

    assert plan_of(new) == "plan"


def test_a_plan_written_after_the_lease_was_lost_stops_the_older_attempt(store):
    old = begin(store)
    new = begin(store)

    assert plan_of(new) is None
    with pytest.raises(SupersededError, match=NEWER):
        old.save_plan(note("too late"), commit="c0ffee")


@pytest.mark.parametrize("newer_begins_at", ["before the plan", "between plan and check", "after the check"])
def test_in_no_order_do_two_attempts_publish_different_plans(store, monkeypatch, newer_begins_at):
    old = begin(store)
    found = []

    def take_over():
        monkeypatch.undo()
        new = begin(store)
        found.append(plan_of(new) or "new")

    check = Attempt.check
    if newer_begins_at == "before the plan":
        take_over()
    if newer_begins_at == "between plan and check":
        monkeypatch.setattr(Attempt, "check", lambda self: (take_over(), check(self)))
    published = []
    try:
        old.save_plan(note("old"), commit="c0ffee")
        published.append("old")
    except SupersededError:
        pass
    monkeypatch.undo()
    if newer_begins_at == "after the check":
        take_over()

    assert len({*published, *found}) == 1


def simultaneous(store, monkeypatch, *, names):
    """Begin one attempt in the midst of another one's beginning, both with the same generation."""
    tokens = iter(names)
    monkeypatch.setattr(module.secrets, "token_hex", lambda size: next(tokens, "f" * 16))
    outcomes = {}
    put = type(store).put

    def put_and_race(self, name, content):
        put(self, name, content)
        if name.endswith("/lease") and not outcomes:
            outcomes["inner"] = None
            try:
                outcomes["inner"] = begin(store)
            except SupersededError:
                outcomes["inner"] = "superseded"

    monkeypatch.setattr(type(store), "put", put_and_race)
    real = module.next_generation
    monkeypatch.setattr(module, "next_generation", lambda *args: 1)
    try:
        outcomes["outer"] = begin(store)
    except SupersededError:
        outcomes["outer"] = "superseded"
    monkeypatch.setattr(module, "next_generation", real)
    return outcomes


@pytest.mark.parametrize("names", [("a" * 16, "b" * 16), ("b" * 16, "a" * 16)])
def test_of_two_attempts_that_begin_at_the_same_moment_exactly_one_goes_on(memory, monkeypatch, names):
    outcomes = simultaneous(memory, monkeypatch, names=names)

    alive = []
    for outcome in outcomes.values():
        if outcome != "superseded":
            try:
                outcome.check()
                alive.append(outcome)
            except SupersededError:
                pass
    assert len(alive) == 1
    assert alive[0].name.endswith("b")


def test_of_two_attempts_that_begin_at_the_same_moment_airflows_later_try_goes_on(memory, monkeypatch):
    monkeypatch.setattr(module, "next_generation", lambda *args: 1)
    retry = Attempt.begin(memory, task="task", fingerprint="print", order=2)

    with pytest.raises(SupersededError, match=NEWER):
        Attempt.begin(memory, task="task", fingerprint="print", order=1)
    retry.check()


def test_a_finished_attempt_leaves_nothing(store):
    for number in range(3):
        attempt = begin(store, f"print{number % 2}")
        store.put(attempt.path("segments-000001"), b"x")
        attempt.save_checkpoint(point(1))
    attempt.save_plan(note("plan"), commit="c0ffee")

    attempt.finish()

    assert store.find("_staging") == []


def test_a_finished_attempt_leaves_no_folder_on_a_local_disk(local, tmp_path):
    begin(local).finish()

    assert list((tmp_path / "set").iterdir()) == []


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        (1, [["segments-000001", "plan-c0ffee.json", "lease"]]),
        (2, [["segments-000001"], ["plan-c0ffee.json", "lease"]]),
    ],
)
def test_while_an_attempt_cleans_up_its_plan_and_lease_go_after_the_segments(
    store, monkeypatch, attempts, expected
):
    for _ in range(attempts):
        attempt = begin(store)
    store.put(attempt.path("segments-000001"), b"x")
    attempt.save_plan(note("plan"), commit="c0ffee")
    deleted = []
    delete = type(store).delete

    def record(self, names):
        names = list(names)
        deleted.extend([[name.split("/")[-1] for name in names]] if names else [])
        delete(self, names)

    monkeypatch.setattr(type(store), "delete", record)
    attempt.finish()

    assert deleted == expected


def test_a_superseded_attempt_does_not_clean_up_under_the_newer_one(store):
    old = begin(store)
    old.save_checkpoint(point(7))
    new = begin(store)

    with pytest.raises(SupersededError, match=NEWER):
        old.finish()
    assert pages_of(new) == 7


def test_a_superseded_attempt_cleans_up_after_the_newer_one_finished(store):
    old = begin(store)
    begin(store).finish()
    store.put(old.path("segments-000009"), b"written too late")

    with pytest.raises(SupersededError, match=NEWER):
        old.check()

    assert store.find("_staging") == []


def test_an_older_attempt_that_was_killed_is_cleaned_up_by_the_one_that_finishes(local):
    killed = begin(local)
    killed.store.put(f"{killed.store.scratch}/writing-0", b"half a file")
    new = begin(local)

    new.finish()

    assert local.find("_staging") == []


def test_an_attempt_that_is_killed_while_it_begins_leaves_nothing_behind_for_ever(local, monkeypatch):
    def die(self, name, source):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(local), "put_file", die)
    with pytest.raises(KeyboardInterrupt):
        begin(local)
    monkeypatch.undo()

    begin(local).finish()

    assert local.find("_staging") == []


def test_plans_elsewhere_are_those_of_all_other_tasks(store):
    one = begin(store, task="one")
    one.save_plan(note("plan"), commit="c0ffee")
    begin(store, task="two").save_plan(note("plan"), commit="decade")
    begin(store, task="three").save_checkpoint(point(1))

    assert one.planned(by_older=False) == {"decade"}
    assert begin(store, task="four").planned(by_older=False) == {"c0ffee", "decade"}


def test_plans_of_newer_attempts_of_the_same_task_are_elsewhere_and_those_of_older_ones_are_not(store):
    old = begin(store, "one")
    old.save_plan(note("plan"), commit="c0ffee")
    new = begin(store, "two")
    new.save_plan(note("plan"), commit="decade")

    assert old.planned(by_older=False) == {"decade"}
    assert new.planned(by_older=False) == set()


def test_something_foreign_in_the_staging_folder_does_no_harm(store):
    store.put("_staging/README", b"hello")

    attempt = begin(store)

    assert attempt.planned(by_older=False) == set()
    attempt.finish()


def test_an_older_try_that_registers_after_a_newer_one_stops(store):
    newer = Attempt.begin(store, task="task", fingerprint="print", order=2)

    with pytest.raises(SupersededError, match=NEWER):
        Attempt.begin(store, task="task", fingerprint="other", order=1)
    newer.check()


def test_of_two_attempts_of_one_try_the_later_one_goes_on(store):
    first = Attempt.begin(store, task="task", fingerprint="print", order=7)
    second = Attempt.begin(store, task="task", fingerprint="print", order=7)

    second.check()
    with pytest.raises(SupersededError, match=NEWER):
        first.check()


def test_an_adopted_plan_lies_in_the_folder_of_the_attempt_that_adopted_it(store):
    begin(store).save_plan(note("plan"), commit="c0ffee")
    attempt = begin(store)

    assert attempt.adopt_plan(Note, not_before=0) == note("plan")
    assert begin(store, task="another").planned(by_older=False) == {"c0ffee"}
    assert store.get(attempt.path("plan-c0ffee.json")) is not None


def test_a_plan_that_is_removed_while_it_is_adopted_is_not_carried_out(store, monkeypatch):
    old = begin(store)
    old.save_plan(note("plan"), commit="c0ffee")
    attempt = begin(store)
    check = Attempt.check

    def finish_first(self):
        store.delete([old.path("plan-c0ffee.json")])
        check(self)

    monkeypatch.setattr(Attempt, "check", finish_first)
    assert attempt.adopt_plan(Note, not_before=0) is None
    assert not attempt.is_planned("c0ffee")


def test_dropping_older_plans_spares_those_of_the_same_commit(store):
    for commit in ("c0ffee", "decade"):
        begin(store).save_plan(note(commit), commit=commit)
    attempt = begin(store)

    assert attempt.drop_older_plans(Note, keep="decade") == [note("c0ffee")]
    assert [attempt.is_planned(commit) for commit in ("c0ffee", "decade")] == [False, True]


def test_a_superseded_attempt_drops_nobodys_plan(store):
    begin(store).save_plan(note("plan"), commit="c0ffee")
    attempt = begin(store)
    begin(store).save_plan(note("newer"), commit="facade")

    for drop in (
        lambda: attempt.drop_older_plans(Note, keep="other"),
        lambda: attempt.drop_plan("c0ffee"),
        attempt.discard,
        attempt.finish,
    ):
        with pytest.raises(SupersededError, match=NEWER):
            drop()
    assert attempt.is_planned("c0ffee")
    assert attempt.is_planned("facade")


def test_an_attempt_that_ends_spares_an_older_try_that_registers_when_its_lease_is_gone(store, monkeypatch):
    newer = Attempt.begin(store, task="task", fingerprint="print", order=2)
    older = []
    delete = type(store).delete

    def register_after_the_lease(self, names):
        names = list(names)
        delete(self, names)
        if any(name.endswith("/lease") for name in names) and not older:
            older.append(Attempt.begin(store, task="task", fingerprint="print", order=1))

    monkeypatch.setattr(type(store), "delete", register_after_the_lease)
    newer.finish()

    older[0].check()
