"""Random orders of events in the commit protocol; see `tests.model` for many more, and for replays."""

from __future__ import annotations

import copy

import pytest

from airflow_provider_convexport.export.publish import keep
from airflow_provider_convexport.export.publish.publish import Publisher
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.stage.attempt import Attempt
from tests.model.__main__ import main
from tests.model.mutation import Mutation
from tests.model.order import Order
from tests.model.schedule import Violation

ORDERS = 3_000
"""Orders within which each defect that is put back has to be found."""


def first_violation(first):
    """Return the first violation; the engine as it is has none, see the test below."""
    violations = (Order(seed).run().violation for seed in range(first, first + ORDERS))
    return next(filter(None, violations), None)


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_every_invariant_holds_in_random_orders(first):
    results = [Order(seed).run() for seed in range(first, first + 100)]

    assert [f"seed {each.seed}: {each.violation}" for each in results if each.violation] == []


def test_orders_differ_and_events_happen():
    results = [Order(seed).run() for seed in range(200)]

    assert len({each.digest for each in results}) > 180
    assert sum(each.events for each in results) > 500
    assert {"success", "SupersededError"} <= {ending for each in results for ending in each.endings}


def test_a_violation_reaches_another_process():
    violation = copy.copy(Violation("law", "sentence"))  # as pickle does it

    assert str(violation) == "law: sentence"


def test_an_order_can_be_replayed():
    story: list[str] = []

    assert Order(7).run().digest == Order(7, story=story).run().digest
    assert len(story) > 30


LISTED_LATE = Mutation(
    Publisher, "_settle", "store.delete(leftovers)", "store.delete(self._leftovers(folder, seen, manifest))"
)
LISTED_ALWAYS = Mutation(
    Attempt, "begin", "is_first=all(each.attempt == name for each in there)", "is_first=False"
)
DEFECTS = {
    "a replayed plan wins over a newer version": Mutation(
        keep, "_is_better", "there.seconds_after(writer.plan.requested_at) > 0", "False"
    ),
    "a sweep does not spare the plans of other tasks": Mutation(
        Attempt,
        "planned",
        "if each.task != self.task or each.attempt > self.name",
        "if each.task == self.task and each.attempt > self.name",
    ),
    "files are deleted before the manifest is replaced": Mutation(
        Publisher,
        "_settle",
        "if stays and leftovers and store.is_conditional:",
        "store.delete(leftovers)\n    if stays and leftovers and store.is_conditional:",
    ),
    "files are listed after the manifest is replaced": LISTED_LATE,
    "an older try sweeps what newer ones have just written": (
        LISTED_LATE,
        Mutation(
            Attempt,
            "planned",
            "if each.task != self.task or each.attempt > self.name",
            "if each.task != self.task",
        ),
    ),
    "an old manifest that stays is not replaced before files are deleted": (
        LISTED_ALWAYS,
        Mutation(Publisher, "_settle", "if stays and not store.is_conditional:", "if stays:"),
    ),
    "a partition with files of dead tries is published without a look at its folder": Mutation(
        Export, "_attempt", "if held.is_clean", "if held"
    ),
    "files of the version that is replaced are deleted before the manifest is": Mutation(
        Publisher,
        "_publish_first",
        "manifest = writer.write()",
        "old = there.files if there else []\n"
        "    self.attempt.store.delete([f'{partition.folder}/{each.name}' for each in old])\n"
        "    manifest = writer.write()",
    ),
    "files of the version that was replaced are kept": Mutation(
        Publisher,
        "_publish_first",
        "names = {file.name for file in there.files} - {file.name for file in manifest.files}",
        "names = set()",
    ),
    "the objects of newer attempts are deleted at the end": Mutation(
        Attempt,
        "finish",
        "ended, lease = self._ended(), self.path(_LEASE)",
        "ended, lease = self._objects(), self.path(_LEASE)",
    ),
}


RARE = {"an old manifest that stays is not replaced before files are deleted": 8_000}
"""The first order for a defect that is found in one of five thousand."""


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_that_is_put_back_is_found(monkeypatch, defect):
    put_back = DEFECTS[defect]
    for mutation in [put_back] if isinstance(put_back, Mutation) else put_back:
        monkeypatch.setattr(mutation.owner, mutation.method, mutation.compiled())

    assert first_violation(RARE.get(defect, 0))


class TestCommand:
    def test_it_prints_the_seeds_that_fail_and_what_was_covered(self, monkeypatch, capsys):
        monkeypatch.setattr(Attempt, "finish", lambda attempt: None)

        assert main(["--orders", "5", "--seed", "3", "--processes", "1"])
        output = capsys.readouterr().out
        assert "seed 3: " in output
        assert "5 orders (5 distinct)" in output

    def test_it_replays_an_order_step_by_step(self, monkeypatch, capsys):
        monkeypatch.setattr(Attempt, "finish", lambda attempt: None)

        assert main(["--replay", "3"])
        output = capsys.readouterr().out
        assert "write manifest" in output
        assert "!!!" in output
