"""What a page shows of its commands' outputs, and how the commands of a page run one after another."""

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


def answer(printed: str) -> str:
    """Return what ``airflow convexport check`` says, after what other commands have printed."""
    return printed[printed.rindex("\n", 0, printed.index(" answered and accepted")) + 1 :]


def table(printed: str) -> str:
    """Return the first table that DuckDB has drawn."""
    return f"{printed[printed.index('┌') : printed.index('┘') + 1]}\n"


def below_demo_ui(printed: str) -> str:
    """Return everything, with exports in the folder of ``make demo-ui``, whose beginning is left out."""
    return printed.replace("file:///tmp/howto/exports", "file:///…/.demo-ui/exports")


class NothingShownError(Exception):
    """A command printed nothing of what a page shows, or not the number that it says."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a page. A comment at its end that is a number is what it must print.

    :param command: As it stands in the page.
    :param shows: What pages show of the output, by the names of the outputs.
    :param status: Exit status of the command.
    :param told: Whether the page has this command; set-up need not stand in it.
    :param page: The page that has it, if that is not the scenario's.
    """

    command: str
    shows: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    status: int = 0
    told: bool = True
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """The commands of a page, in a room of their own.

    :param page: Path of the page in the repository.
    :param steps: The commands, in order.
    :param examples: Files of ``dags_examples/`` that are in the Dags folder.
    :param dags: Ids of Dags that stand in a block of the page.
    :param own_simulator: Whether the commands start a simulator themselves.
    :param environment: Further environment variables.
    """

    page: str
    steps: tuple[Step, ...]
    examples: tuple[str, ...] = ()
    dags: tuple[str, ...] = ()
    own_simulator: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

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
            if lacking := set(_NUMBER.findall(step.command)) - set(re.findall(r"\d+", printed)):
                raise NothingShownError(
                    f"A comment in {self.page} says {min(lacking)}; printed was {printed}"
                )
            for name, show in step.shows.items():
                outputs[name] = show(printed)
                if not outputs[name].strip():
                    raise NothingShownError(f"{step.command} printed nothing that {name} shows.")
        return outputs
