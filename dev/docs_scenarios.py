"""The commands of the documentation: in which order they run, and what of their output a page shows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dev.docs_pages import REPOSITORY, code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dev.docs_room import Room

_TIME = r"^\d{4}-\d\d-\d\dT[\d:]{8}\.\d+Z \["
_LOGGED = re.compile(
    rf"{_TIME}\w+ *\] ((?:(?!{_TIME}).)*?) +\[([\w.]+)\](?: [^\n]*)?$", re.MULTILINE | re.DOTALL
)
_NUMBER = re.compile(r"  # (\d+)$", re.MULTILINE)
"""What a line of Python prints, as a comment in a page."""
_WIDTH = 110


def whole(printed: str) -> str:
    """Return everything."""
    return printed


def our_log(printed: str) -> str:
    """Return the messages of this package, without times and names of loggers, sorted by task.

    Airflow runs tasks that do not depend on each other in any order.
    """
    found = [text for text, logger in _LOGGED.findall(printed) if "airflow_provider_convexport" in logger]
    tasks = re.split(r"^(?=Exporting )", "".join(f"{text.rstrip()}\n" for text in found), flags=re.MULTILINE)
    return "".join(sorted(tasks))


def narrow(printed: str) -> str:
    """Return everything, with long lines cut."""
    lines = (line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…" for line in printed.splitlines())
    return "".join(f"{line}\n" for line in lines)


def returned(printed: str) -> str:
    """Return the dict that was printed after the log."""
    return printed[printed.index("{'") :]


def report(printed: str) -> str:
    """Return the table that the demo prints after all others."""
    table = printed[printed.rindex("\nvendor ") + 1 :].partition("\n\n")[0]
    return f"{table.rstrip()}\n"


class NothingShownError(Exception):
    """A command printed nothing of what a page shows, or not the number that it says."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a page. A comment at its end that is a number is what it must print.

    :param command: As it stands in the page.
    :param shows: What pages show of the output, by the names of the outputs.
    :param status: Exit status of the command.
    :param told: Whether the page has this command; set-up need not stand in it.
    """

    command: str
    shows: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    status: int = 0
    told: bool = True


@dataclass(frozen=True, slots=True)
class Scenario:
    """The commands of a page, in a room of their own.

    :param page: Path of the page in the repository.
    :param steps: The commands, in order.
    :param examples: Files of ``dags_examples/`` that are in the Dags folder.
    :param dags: Ids of Dags that stand in a block of the page.
    """

    page: str
    steps: tuple[Step, ...]
    examples: tuple[str, ...] = ()
    dags: tuple[str, ...] = ()

    def run(self, room: Room) -> dict[str, str]:
        """Run all commands and return the outputs by their names."""
        for name in self.examples:
            room.add_dag(name, (REPOSITORY / "dags_examples" / name).read_text())
        for dag_id in self.dags:
            block = next(code for code in code_of(self.page, "python") if f'"{dag_id}"' in code)
            room.add_dag(f"{dag_id}.py", block)
        outputs: dict[str, str] = {}
        for step in self.steps:
            printed = room.run(step.command, status=step.status)
            if lacking := [
                number for number in _NUMBER.findall(step.command) if number not in printed.split()
            ]:
                raise NothingShownError(f"A comment in {self.page} says {lacking[0]}; printed was {printed}")
            for name, show in step.shows.items():
                outputs[name] = show(printed)
                if not outputs[name].strip():
                    raise NothingShownError(f"{step.command} printed nothing that {name} shows.")
        return outputs


def _python(page: str, words: str) -> str:
    """Return a command that runs the block of a page that has these words."""
    block = next(code for code in code_of(page, "python") if words in code)
    return f"python - <<'END'\n{block}END"


_FOLDER = "/tmp/howto/exports/ada/conversations"  # noqa: S108
_ADA = f"file://{_FOLDER}"

SCENARIOS = (
    Scenario(
        "docs/start.md",
        (
            Step(
                f"python {REPOSITORY}/dev/demo.py --root .demo",
                {"demo": narrow, "demo.report": report},
                told=False,
            ),
        ),
    ),
    Scenario(
        "docs/start.md",
        (
            Step("airflow dags test ada_yesterday 2026-11-19", {"start.log": our_log}),
            Step(f"cat {_FOLDER}/dt=2026-11-18/_manifest.json", {"start.manifest": whole}),
        ),
        dags=("ada_yesterday",),
    ),
    Scenario(
        "docs/scheduling.md",
        (Step("airflow dags test ada_weekly 2026-11-19", {"scheduling.weekly": our_log}),),
        dags=("ada_weekly",),
    ),
    Scenario(
        "docs/connections.md",
        (
            Step(_python("docs/connections.md", "test_connection"), {"connections.right": whole}, told=False),
            Step(
                'export AIRFLOW_CONN_ADA_DEFAULT=\'{"conn_type": "ada", "host": "http://127.0.0.1:8600", '
                f'"password": "wrong"}}\'; {_python("docs/connections.md", "test_connection")}',
                {"connections.wrong": whole},
                told=False,
            ),
        ),
    ),
    Scenario(
        "docs/hooks.md",
        tuple(
            Step(_python("docs/hooks.md", f"import {hook}\n\n"), told=False)
            for hook in ("AdaHook", "AgentXHook", "AppliedLabsHook")
        ),
    ),
    Scenario(
        "docs/operators.md",
        (Step(_python("docs/operators.md", "task.execute("), {"operators.returned": returned}, told=False),),
    ),
    Scenario(
        "docs/how-to/daily.md",
        (
            Step("airflow dags test ada_daily 2026-11-19"),
            Step(f"airflow convexport status --destination {_ADA}", {"daily.status": whole}),
        ),
        examples=("ada_daily.py",),
    ),
    Scenario(
        "docs/how-to/hourly.md",
        (Step("airflow dags test ada_hourly 2026-11-19", {"hourly.log": our_log}),),
        examples=("ada_hourly.py",),
    ),
    Scenario(
        "docs/how-to/late-edits.md",
        (
            Step("airflow dags test ada_late_edits 2026-11-19"),
            Step("airflow dags test ada_late_edits 2026-11-20", {"late-edits.log": our_log}),
        ),
        examples=("ada_late_edits.py",),
    ),
    Scenario(
        "docs/how-to/backfill.md",
        (
            Step("airflow dags test ada_windows 2026-03-24"),
            Step(
                "airflow convexport plan --dag-id ada_windows --from 2026-01-01 --to 2026-06-01",
                {"backfill.plan": whole},
            ),
            Step(
                f"airflow convexport status --destination {_ADA} --until yesterday --fail-on-gaps --verify",
                {"backfill.status": whole},
                status=4,
            ),
        ),
        examples=("ada_windows.py",),
    ),
)
