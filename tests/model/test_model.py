"""Random orders of events in the commit protocol; see `tests.model` for many more, and for replays."""

from __future__ import annotations

import pytest

from airflow_provider_convexport.export.dataset.manifest import Manifest
from airflow_provider_convexport.export.publish.publish import Publisher
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.staged_name import staged
from tests.model.__main__ import main
from tests.model.laws import NEWEST_WINS, NO_FOREIGN_DELETE, NOTHING_LEFT, ONE_VERSION, WHOLE
from tests.model.order import Order

ORDERS = 1_500
"""Orders within which each defect that is put back has to be found."""


def first_violation(laws, orders=ORDERS):
    for seed in range(orders):
        violation = Order(seed).run().violation
        if violation is not None and violation.law in laws:
            return violation
    return None


@pytest.mark.parametrize("first", range(0, 1_000, 250))
def test_every_invariant_holds_in_random_orders(first):
    results = [Order(seed).run() for seed in range(first, first + 250)]

    assert [f"seed {each.seed}: {each.violation}" for each in results if each.violation] == []


def test_orders_differ_and_events_happen():
    results = [Order(seed).run() for seed in range(200)]

    assert len({each.digest for each in results}) > 190
    assert sum(each.events for each in results) > 1_000
    assert {"success", "SupersededError"} <= {ending for each in results for ending in each.endings}


def test_an_order_can_be_replayed():
    story: list[str] = []

    assert Order(7).run().digest == Order(7, story=story).run().digest
    assert len(story) > 100


class TestDefects:
    """Each defect is put back, and has to be found."""

    def test_a_plan_that_is_replayed_over_a_newer_version(self, monkeypatch):
        monkeypatch.setattr(Manifest, "is_requested_after", lambda manifest, moment: False)

        assert first_violation({NEWEST_WINS})

    def test_a_sweep_that_does_not_spare_the_plans_of_newer_attempts(self, monkeypatch):
        def planned_by_other_tasks(attempt):
            return {
                each.name.removeprefix("plan-").removesuffix(".json")
                for each in staged(attempt.store)
                if each.name.startswith("plan-") and each.task != attempt.task
            }

        monkeypatch.setattr(Attempt, "planned_elsewhere", planned_by_other_tasks)

        assert first_violation({WHOLE, NO_FOREIGN_DELETE})

    def test_a_sweep_that_spares_no_plans(self, monkeypatch):
        monkeypatch.setattr(Attempt, "planned_elsewhere", lambda attempt: set())

        assert first_violation({WHOLE, NO_FOREIGN_DELETE})

    def test_no_sweep_at_all(self, monkeypatch):
        monkeypatch.setattr(Publisher, "_sweep", lambda publisher, folder, manifest: None)

        assert first_violation({NOTHING_LEFT})

    def test_leases_that_are_not_checked(self, monkeypatch):
        monkeypatch.setattr(Attempt, "check", lambda attempt: None)

        assert first_violation({WHOLE, ONE_VERSION, NEWEST_WINS, NOTHING_LEFT, NO_FOREIGN_DELETE})

    def test_an_end_that_leaves_its_staged_objects(self, monkeypatch):
        monkeypatch.setattr(Attempt, "finish", lambda attempt: None)

        assert first_violation({NOTHING_LEFT})


class TestCommand:
    def test_it_prints_the_seeds_that_fail_and_what_was_covered(self, monkeypatch, capsys):
        monkeypatch.setattr(Attempt, "finish", lambda attempt: None)

        assert main(["--orders", "5", "--seed", "3", "--processes", "1"])
        output = capsys.readouterr().out
        assert f"seed 3: {NOTHING_LEFT}" in output
        assert "5 orders (5 distinct)" in output

    def test_it_replays_an_order_step_by_step(self, monkeypatch, capsys):
        monkeypatch.setattr(Attempt, "finish", lambda attempt: None)

        assert main(["--replay", "3"])
        output = capsys.readouterr().out
        assert "write manifest" in output
        assert "!!!" in output
