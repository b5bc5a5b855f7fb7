"""The outputs that the documentation shows: where they stand, what they belong to, and how they are compared.

Each block of the language ``text``, and each other block that shows what a command printed, has a comment in
the line before it:

``<!-- output: daily.status -->``
    `dev.docs_scenarios` makes it, as the output of that name.
``<!-- tested by tests/scheduler/test_x.py::test_y -->``
    It needs more than a shell, such as a scheduler; this test checks what it shows.
``<!-- measured: python -m benchmarks.store -->``
    Figures of one machine and day, or a run that needs what few machines have. The page says when.
``<!-- form -->``
    A layout or a list; no command printed it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARKED = re.compile(r"^<!-- ([^\n]+?) -->\n```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OF_THE_CLOCK = r"2026-11-22[T ]0[3-9]:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?"
_CHANGING = (
    (re.compile(_OF_THE_CLOCK), "TIME"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA-256"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "COMMIT"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\b\d+(?:\.\d+)? s\b"), "DURATION"),
)
_BYTES = re.compile(r"\b\d+(?= bytes\b)|(?<=bytes\": )\d+|(?<='bytes': )\d+|\b[\d,]+(?= \S*dt=)")
_TOLERANCE = 0.1
"""Compressed sizes depend a little on the processor, and on how fast the records came."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code that has a comment before it.

    :param page: Path of the page in the repository.
    :param marker: Text of the comment.
    :param language: What the fence says.
    :param text: What the block holds, with a line feed at its end.
    """

    page: str
    marker: str
    language: str
    text: str

    @property
    def output(self) -> str | None:
        """Name of the output that the block shows, if a scenario makes it."""
        return self.marker.removeprefix("output: ") if self.marker.startswith("output: ") else None


def pages() -> list[Path]:
    """Return README.md and all pages of ``docs/``."""
    return [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/**/*.md"))]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page that have a comment before them."""
    name = page.relative_to(REPOSITORY).as_posix()
    return [Block(name, *match.groups()) for match in _MARKED.finditer(page.read_text())]


def unmarked(text: str) -> list[str]:
    """Return the first lines of the blocks of text of a page that have no comment before them."""
    rest = _MARKED.sub("", text)
    return [body.partition("\n")[0] for language, body in _FENCE.findall(rest) if language in ("text", "")]


def code_of(page: str, language: str) -> list[str]:
    """Return all blocks of a language that stand in a page."""
    return [body for name, body in _FENCE.findall((REPOSITORY / page).read_text()) if name == language]


def shows_command(page: str, command: str) -> bool:
    """Tell whether a command stands in a page, in a block or in a line of text."""
    text, wanted = (re.sub(r"\\\n", " ", each) for each in ((REPOSITORY / page).read_text(), command))
    return " ".join(wanted.split()) in " ".join(text.split())


def replaced(text: str, name: str, output: str) -> str:
    """Return the text of a page with an output put into its block."""

    def renew(match: re.Match[str]) -> str:
        marker, language, _ = match.groups()
        if marker != f"output: {name}":
            return match.group()
        return f"<!-- {marker} -->\n```{language}\n{output}```"

    return _MARKED.sub(renew, text)


def difference(shown: str, printed: str) -> str | None:
    """Return the first words that differ, or ``None`` if only times, ids, durations and breaks of lines do.

    Sizes in bytes may differ by a tenth.
    """
    left, right = _comparable(shown), _comparable(printed)
    for (before, ours), (after, theirs) in zip(left, right, strict=False):
        if before != after or not _near(ours, theirs):
            return f"shows {before or ours!r}, printed {after or theirs!r}"
    if len(left) != len(right):
        return f"shows {len(left)} words, printed {len(right)}"
    return None


def _comparable(text: str) -> list[tuple[str, int]]:
    words = " ".join(text.split())
    for pattern, name in _CHANGING:
        words = pattern.sub(name, words)
    sizes = [int(size.replace(",", "")) for size in _BYTES.findall(words)]
    return [(word, sizes.pop(0) if "\0" in word else 0) for word in _BYTES.sub("\0", words).split()]


def _near(ours: int, theirs: int) -> bool:
    return abs(ours - theirs) <= _TOLERANCE * max(ours, theirs)
