"""Runs the commands of README.md and ``docs/``, and compares what they print with what the pages show.

Times of the run, ids and durations may differ. It exits with 1 if anything else does; ``--write`` puts what
was printed into the pages instead. It takes a minute or two.
"""

from __future__ import annotations

import argparse
import signal
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, NoReturn

from dev.docs_pages import blocks_of, difference, pages, replaced
from dev.docs_room import CommandFailedError, house, room, use_fixed_time
from dev.docs_runs import SCENARIOS
from dev.docs_scenarios import NothingShownError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dev.docs_room import House
    from dev.docs_scenarios import Scenario


_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run what the command line asks for; exit with 1 if a page differs or a command fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help="Put the outputs into the pages.")
    parser.add_argument("--only", default="", help="Only pages whose path has this text.")
    parser.add_argument("--jobs", type=int, default=2, help="How many pages at a time.")
    options = parser.parse_args()
    for number in _ENDS:
        signal.signal(number, _interrupt)
    use_fixed_time()
    chosen = [scenario for scenario in SCENARIOS if options.only in scenario.page]
    try:
        outputs = run_all(chosen, jobs=options.jobs)
    except (CommandFailedError, NothingShownError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Everything is stopped.")
    if options.write:
        write(outputs)
    elif problems := compare(outputs):
        sys.exit("\n".join([*problems, "Look at the outputs and run: python -m dev.docs_outputs --write"]))
    sys.stdout.write(f"{len(outputs)} outputs of {len({one.page for one in chosen})} pages.\n")


def run_all(chosen: Sequence[Scenario], *, jobs: int) -> dict[str, str]:
    """Run scenarios side by side and return what they print, by the names of the outputs.

    If one fails, or this is interrupted, all commands are killed, and none begins.

    :param chosen: The scenarios; the longest should come first.
    :param jobs: How many at a time.
    :raises CommandFailedError: A command ended with another status than the page says.
    :raises NothingShownError: A command printed nothing of what a page shows.
    """
    outputs: dict[str, str] = {}
    with house() as shared, ThreadPoolExecutor(jobs) as lanes:
        try:
            for made in as_completed([lanes.submit(_run, scenario, shared) for scenario in chosen]):
                outputs |= made.result()
        except BaseException:
            shared.processes.stop()
            lanes.shutdown(cancel_futures=True)
            raise
    return outputs


def compare(outputs: dict[str, str]) -> list[str]:
    """Return a sentence for each block that shows something else than its command printed."""
    return [
        f"{block.page}: the output {block.output} {found}."
        for page in pages()
        for block in blocks_of(page)
        if block.output in outputs and (found := difference(block.text, outputs[block.output]))
    ]


def write(outputs: dict[str, str]) -> None:
    """Put the outputs into the blocks that differ from them in more than times, ids and durations."""
    for page in pages():
        text = page.read_text()
        for block in blocks_of(page):
            if block.output in outputs and difference(block.text, outputs[block.output]):
                text = replaced(text, block.output, outputs[block.output])
        page.write_text(text)


def _run(scenario: Scenario, shared: House) -> dict[str, str]:
    with room(shared, own_simulator=scenario.own_simulator, environment=scenario.environment) as own:
        return scenario.run(own)


def _interrupt(*_: object) -> NoReturn:
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)  # what follows is short, and must not be left half done
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
