"""Finds records that were staged twice, exactly and in bounded memory, however long the interval is."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import IO

    from airflow_provider_convexport.export.stage.segment import Segment

BUCKETS = 128
"""Temporary files over which ids are spread; each is looked at alone, so memory is a 128th of all ids."""

_HELD = 32_768
"""Ids held in memory before they are written to the temporary files."""


def find_repeats(
    segments: Sequence[Segment], ids_of: Callable[[Segment], list[str]]
) -> dict[int, frozenset[int]]:
    """Return, for each segment that repeats earlier records, the numbers of the lines to drop.

    :param segments: All segments of a run, in the order in which they will be published; the first copy of a
        record stays.
    :param ids_of: Reads a segment's ids, in the order of its lines.
    :returns: Line numbers by position in ``segments``.
    """
    repeated = _repeated_ids(segments, ids_of)
    if not repeated:
        return {}
    met = set[str]()
    drops: dict[int, frozenset[int]] = {}
    for position, segment in enumerate(segments):
        lines = set[int]()
        for line, identity in enumerate(ids_of(segment)):
            if identity in repeated:
                if identity in met:
                    lines.add(line)
                met.add(identity)
        if lines:
            drops[position] = frozenset(lines)
    return drops


def _repeated_ids(segments: Sequence[Segment], ids_of: Callable[[Segment], list[str]]) -> frozenset[str]:
    repeated = set[str]()
    with tempfile.TemporaryDirectory(prefix="convexport-") as folder:
        files: list[IO[bytes]] = [
            tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed below
            for _ in range(BUCKETS)
        ]
        try:
            _spread(segments, ids_of, files)
            for file in files:
                ids = list(_read(file))
                if len(set(ids)) != len(ids):
                    met = set[str]()
                    repeated.update(one for one in ids if one in met or met.add(one))  # type: ignore[func-returns-value]
        finally:
            for file in files:
                file.close()
    return frozenset(repeated)


def _spread(
    segments: Sequence[Segment], ids_of: Callable[[Segment], list[str]], files: Sequence[IO[bytes]]
) -> None:
    held: list[list[str]] = [[] for _ in files]
    count = 0
    for segment in segments:
        for identity in ids_of(segment):
            held[hash(identity) % BUCKETS].append(identity)
        count += segment.records
        if count >= _HELD:
            _write(held, files)
            count = 0
    _write(held, files)


def _write(held: list[list[str]], files: Sequence[IO[bytes]]) -> None:
    for file, ids in zip(files, held, strict=True):
        if ids:
            file.write(msgspec.json.encode(ids) + b"\n")
            ids.clear()


def _read(file: IO[bytes]) -> Iterator[str]:
    file.seek(0)
    decoder = msgspec.json.Decoder(list[str])
    for line in file:
        yield from decoder.decode(line)
