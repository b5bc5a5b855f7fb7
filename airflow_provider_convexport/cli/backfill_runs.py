"""Runs the commands of a plan one after another, and tells how far the backfills are."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from airflow_provider_convexport.cli.words import counted
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import iso, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_POLL = 5.0
"""Seconds between two looks at a backfill."""
_FINISHED = ("success", "failed")


class BackfillState(NamedTuple):
    """How far a backfill is.

    :param number: Airflow's number of it.
    :param runs: Number of its runs.
    :param finished: Those that have ended.
    :param failed: Those of them that have failed.
    :param is_completed: Whether Airflow takes another backfill of the Dag.
    :param left_out: The logical dates for which Airflow made no run, because the Dag has one of that date.
    """

    number: int
    runs: int
    finished: int
    failed: int
    is_completed: bool
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        end = ", completed" if self.is_completed else ""
        return f"{self.finished} of {counted(self.runs, 'run')} finished{failed}{end}"


@dataclass(frozen=True, slots=True)
class BackfillRunner:
    """Carries out the commands of a plan.

    :param dag_id: The Dag.
    :param tell: Shows one line.
    :param call: Calls ``airflow`` with arguments; returns the exit code and what it wrote.
    :param latest: Returns the state of the Dag's newest backfill; ``None`` if it has none.
    :param sleep: Waits for so many seconds.
    """

    dag_id: str
    tell: Callable[[str], None]
    call: Callable[[Sequence[str]], tuple[int, str]]
    latest: Callable[[str], BackfillState | None]
    sleep: Callable[[float], None] = time.sleep

    def run(self, commands: Sequence[str]) -> int:
        """Run the commands in order; wait for each backfill to be completed before the next begins.

        :returns: The number of runs that have failed or that Airflow has not made.
        :raises ConfigurationError: if a command fails; says which.
        """
        failed = 0
        for number, command in enumerate(commands, start=1):
            self.tell(f"[{number} of {len(commands)}] {command}")
            is_backfill = command.startswith("airflow backfill create ")
            if is_backfill:
                self._wait("The backfill before: ")
            before = self.latest(self.dag_id)
            code, output = self.call(shlex.split(command)[1:])
            after = self.latest(self.dag_id)
            if code or (is_backfill and after is not None and before == after):
                lines = output.strip().splitlines() or ["it said nothing"]
                raise ConfigurationError(f"This command failed: {command} ({lines[-1].strip()})")
            if is_backfill:
                state = self._wait("")
                failed += state.failed + len(state.left_out)
                self._tell_left_out(state)
        return failed

    def _tell_left_out(self, state: BackfillState) -> None:
        for moment in state.left_out:
            self.tell(
                f"  Airflow has left out {moment}, because {self.dag_id} already has a run of that logical "
                "date; clear that run if its data interval is right, or delete it and call this again."
            )

    def _wait(self, prefix: str) -> BackfillState:
        """Wait until the newest backfill is completed, and tell how far it is whenever that changes."""
        told = ""
        while (state := self.latest(self.dag_id)) is not None:
            if (line := f"  {prefix}{state}") != told and not (prefix and state.is_completed and not told):
                self.tell(line)
                told = line
            if state.is_completed:
                return state
            self.sleep(_POLL)
        return BackfillState(0, 0, 0, 0, is_completed=True)


def call_airflow(arguments: Sequence[str]) -> tuple[int, str]:
    """Call ``airflow`` in this environment; return its exit code and its output."""
    done = subprocess.run(  # noqa: S603 - the commands of a plan
        [sys.executable, "-m", "airflow", *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def latest_backfill(dag_id: str) -> BackfillState | None:
    """Return the state of a Dag's newest backfill, read from Airflow's database."""
    from airflow.models.backfill import Backfill, BackfillDagRun  # noqa: PLC0415 - loads Airflow's database
    from airflow.models.dagrun import DagRun  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        newest = session.scalars(
            select(Backfill).where(Backfill.dag_id == dag_id).order_by(Backfill.id.desc()).limit(1)
        ).first()
        if newest is None:
            return None
        states = Counter(
            str(getattr(state, "value", state))
            for state in session.scalars(
                select(DagRun.state)
                .join(BackfillDagRun, BackfillDagRun.dag_run_id == DagRun.id)
                .where(BackfillDagRun.backfill_id == newest.id)
            )
        )
        left_out = session.scalars(
            select(BackfillDagRun.logical_date)
            .where(BackfillDagRun.backfill_id == newest.id, BackfillDagRun.exception_reason.is_not(None))
            .order_by(BackfillDagRun.sort_ordinal)
        )
        return BackfillState(
            newest.id,
            sum(states.values()),
            sum(states[state] for state in _FINISHED),
            states["failed"],
            is_completed=newest.completed_at is not None,
            left_out=tuple(iso(utc(moment)) for moment in left_out if moment is not None),
        )
