"""Segments: records of one partition as raw deflate data that can be concatenated without recompression.

Each segment ends with a full flush, so any sequence of segments followed by an empty final block is a valid
deflate stream; its checksum is computed from the checksums of the segments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from isal import isal_zlib

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch.surrogates import on_one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow_provider_convexport.export.stage.batch import Batch

_CHUNK = 512
"""Number of records joined at a time, so that a page of several megabytes is not copied at once."""
_BLOCK = 2**18
"""Uncompressed bytes of a partition that are compressed at once. A deflater takes half a megabyte; it exists
while it compresses a block, so that memory does not depend on how many partitions have records."""


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """Location and content of one segment.

    :param partition: Number of the partition in the run's grid.
    :param object: Name of the staged object, relative to the destination.
    :param offset: Start of the deflate data in the object, in bytes.
    :param length: Length of the deflate data, in bytes.
    :param ids_length: Length of the compressed list of ids that follows it, in bytes.
    :param records: Number of records, which is the number of lines.
    :param uncompressed: Length of the uncompressed lines, in bytes.
    :param crc32: Checksum of the uncompressed lines.
    :param first: Earliest time among the records in epoch seconds; ``None`` if none has a time.
    :param last: Latest time among the records, likewise.
    """

    partition: int
    object: str
    offset: int
    length: int
    ids_length: int
    records: int
    uncompressed: int
    crc32: int
    first: float | None
    last: float | None

    @property
    def ids_offset(self) -> int:
        """Start of the list of ids in the object, in bytes."""
        return self.offset + self.length

    @property
    def end(self) -> int:
        """End of the segment in the object, in bytes, exclusive."""
        return self.ids_offset + self.ids_length


@dataclass(slots=True)
class SegmentWriter:
    """Collects the records of one partition until they are staged.

    :param length: Bytes that are compressed.
    :param pending: Bytes that wait to be compressed.
    :param ids: The records' ids.
    """

    partition: int
    records: int = 0
    uncompressed: int = 0
    crc32: int = 0
    first: float | None = None
    last: float | None = None
    length: int = 0
    pending: int = 0
    ids: list[str] = field(default_factory=list)
    _pending: list[bytes] = field(default_factory=list)
    _pieces: list[bytes] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Append a batch's records, one line each."""
        for begin in range(0, len(batch.raws), _CHUNK):
            self._write(_lines(batch.raws[begin : begin + _CHUNK]))
        self.records += len(batch.raws)
        self.ids.extend(batch.ids)
        self.first = min(_present(self.first, batch.first), default=None)
        self.last = max(_present(self.last, batch.last), default=None)

    def _write(self, lines: bytes) -> None:
        self.crc32 = isal_zlib.crc32(lines, self.crc32)
        self.uncompressed += len(lines)
        self._pending.append(lines)
        self.pending += len(lines)
        if self.pending >= _BLOCK:
            self._compress()

    def _compress(self) -> None:
        deflater = _deflater()
        for lines in self._pending:
            self._keep(deflater.compress(lines))
        self._keep(deflater.flush(isal_zlib.Z_FULL_FLUSH))
        self._pending, self.pending = [], 0

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self.length += len(piece)

    def finish(self, pieces: list[bytes], *, name: str, offset: int) -> Segment:
        """Append the segment's bytes to the content of an object and return the segment.

        :param pieces: The content of the object so far.
        :param name: Name of the object.
        :param offset: Length of the content so far, in bytes.
        """
        if self._pending:
            self._compress()
        ids = isal_zlib.compress(msgspec.json.encode(self.ids))
        pieces += [*self._pieces, ids]
        return Segment(
            partition=self.partition,
            object=name,
            offset=offset,
            length=self.length,
            ids_length=len(ids),
            records=self.records,
            uncompressed=self.uncompressed,
            crc32=self.crc32,
            first=self.first,
            last=self.last,
        )


def decode_ids(block: bytes) -> list[str]:
    """Decode a segment's list of ids, which is in the order of its lines."""
    return msgspec.json.decode(isal_zlib.decompress(block), type=list[str])


def inflate(segment: Segment, data: bytes) -> bytes:
    """Return a segment's uncompressed lines.

    :raises IncompleteExportError: if the data is damaged.
    """
    try:
        lines: bytes = isal_zlib.decompressobj(wbits=-15).decompress(data)
    except isal_zlib.error:  # type: ignore[misc] # the stub calls it an object
        raise damaged(segment) from None
    if len(lines) != segment.uncompressed or isal_zlib.crc32(lines) != segment.crc32:
        raise damaged(segment)
    return lines


def damaged(segment: Segment) -> IncompleteExportError:
    """Return the error for staged data that differs from what was written."""
    return IncompleteExportError(
        f"The staged object {segment.object} does not contain what was written to it; nothing was published "
        "from it. Delete the folder _staging under the destination and run the task again."
    )


def without(segment: Segment, data: bytes, drop: Collection[int]) -> tuple[Segment, bytes]:
    """Return a segment and its data without the lines whose numbers (from 0) are in ``drop``."""
    lines = inflate(segment, data).split(b"\n")[:-1]
    kept = b"".join(line + b"\n" for number, line in enumerate(lines) if number not in drop)
    deflater = _deflater()
    data = deflater.compress(kept) + deflater.flush(isal_zlib.Z_FULL_FLUSH)
    return (
        msgspec.structs.replace(
            segment,
            length=len(data),
            records=segment.records - len(drop),
            uncompressed=len(kept),
            crc32=isal_zlib.crc32(kept),
        ),
        data,
    )


def _deflater() -> isal_zlib.Compress:
    return isal_zlib.compressobj(level=isal_zlib.ISAL_DEFAULT_COMPRESSION, wbits=-15)


def _lines(raws: Sequence[msgspec.Raw]) -> bytes:
    """Join records, one line each; whitespace is removed only from records that contain line breaks."""
    joined = b"\n".join(raws)
    if joined.count(b"\n") != len(raws) - 1 or b"\r" in joined:
        joined = b"\n".join(map(on_one_line, raws))
    return joined + b"\n"


def _present(*moments: float | None) -> list[float]:
    return [moment for moment in moments if moment is not None]
