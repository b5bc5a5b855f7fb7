from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from airflow_provider_convexport.cli import pools
from airflow_provider_convexport.cli.__main__ import main

ANSWERED = "Ada answered and accepted the key.\n"


@pytest.fixture(autouse=True)
def own_pools(monkeypatch):
    """Airflow's pools; `tests.cli.test_connections` reads the real ones."""
    slots = {"convexport_ada": 2, "my_pool": 1, "closed": 0, "endless": -1}
    monkeypatch.setattr(pools, "_slots_of", slots.get)
    return slots


def test_a_connection_that_works_is_checked_with_one_request(connect, answer_empty, server, capsys):
    connect("ada", server.url)

    main(["check", "--conn-id", "ada_default"])

    assert capsys.readouterr().out == ANSWERED
    assert len(server.asked) == 1


def test_a_connection_that_does_not_work_exits_with_1(connect, refuse, server):
    connect("ada", server.url)

    with pytest.raises(SystemExit, match=r"Ada .* refused the request with status 401"):
        main(["check", "--conn-id", "ada_default"])


def test_it_says_that_the_usual_pool_is_missing_and_how_to_create_it(
    connect, answer_empty, server, capsys, own_pools
):
    connect("ada", server.url)
    del own_pools["convexport_ada"]

    main(["check", "--conn-id", "ada_default"])

    assert capsys.readouterr().out == (
        f"{ANSWERED}The pool convexport_ada does not exist, so Airflow will never start a task that names "
        'it, and the task\'s log stays empty; run: airflow pools set convexport_ada 2 "Exports from Ada"\n'
    )


@pytest.mark.parametrize("pool", ["my_pool", "endless"])
def test_tasks_may_have_another_pool(connect, answer_empty, server, capsys, own_pools, pool):
    connect("ada", server.url)
    del own_pools["convexport_ada"]

    main(["check", "--conn-id", "ada_default", "--pool", pool])

    assert capsys.readouterr().out == ANSWERED


@pytest.mark.parametrize(
    ("pool", "problem"), [("nowhere", "The pool nowhere does not exist"), ("closed", "has no slots")]
)
def test_a_named_pool_that_no_task_can_run_in_exits_with_1_before_a_request(connect, server, pool, problem):
    connect("ada", server.url)

    with pytest.raises(SystemExit, match=rf"{problem}, so Airflow .* run: airflow pools set {pool} 2 "):
        main(["check", "--conn-id", "ada_default", "--pool", pool])

    assert server.asked == []


class TestWithoutADatabase:
    @pytest.fixture(autouse=True)
    def _unreadable(self, monkeypatch):
        monkeypatch.undo()  # the pools of `own_pools`

        def fail(name):
            raise OperationalError("SELECT", {}, Exception("no such table: slot_pool"))

        monkeypatch.setattr("airflow.models.pool.Pool.get_pool", fail)

    def test_the_connection_is_checked_all_the_same(self, connect, answer_empty, server, capsys):
        connect("ada", server.url)

        main(["check", "--conn-id", "ada_default"])

        assert capsys.readouterr().out == ANSWERED

    def test_a_named_pool_cannot_be_looked_for(self, connect, server):
        connect("ada", server.url)

        with pytest.raises(SystemExit, match=r"cannot be read here \(OperationalError\), so .*leave out --p"):
            main(["check", "--conn-id", "ada_default", "--pool", "my_pool"])
