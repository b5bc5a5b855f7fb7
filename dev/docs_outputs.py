"""Runs the commands of README.md and ``docs/``, and compares what they print with what the pages show.

Times of the run, ids and durations may differ. It exits with 1 if anything else does; ``--write`` puts what
was printed into the pages instead. It takes a minute or two.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from dev.docs_pages import blocks_of, difference, pages, replaced
from dev.docs_room import CommandFailedError, house, room, use_fixed_time
from dev.docs_scenarios import SCENARIOS, NothingShownError

if TYPE_CHECKING:
    from dev.docs_room import House
    from dev.docs_scenarios import Scenario


def main() -> None:
    """Run what the command line asks for; exit with 1 if a page differs or a command fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help="Put the outputs into the pages.")
    parser.add_argument("--only", default="", help="Only pages whose path has this text.")
    parser.add_argument("--jobs", type=int, default=2, help="How many pages at a time.")
    options = parser.parse_args()
    use_fixed_time()
    chosen = [scenario for scenario in SCENARIOS if options.only in scenario.page]
    outputs: dict[str, str] = {}
    with house() as shared, ThreadPoolExecutor(options.jobs) as lanes:
        try:
            for made in lanes.map(lambda scenario: _run(scenario, shared), chosen):
                outputs |= made
        except (CommandFailedError, NothingShownError) as error:
            lanes.shutdown(cancel_futures=True)
            sys.exit(str(error))
    if options.write:
        write(outputs)
    elif problems := compare(outputs):
        sys.exit("\n".join([*problems, "Look at the outputs and run: python -m dev.docs_outputs --write"]))
    sys.stdout.write(f"{len(outputs)} outputs of {len({one.page for one in chosen})} pages.\n")


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
    with room(shared) as own:
        return scenario.run(own)


if __name__ == "__main__":
    main()
