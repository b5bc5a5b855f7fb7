"""Writes one published file from staged segments: one gzip member, one zstd frame, or plain lines."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

from isal import isal_zlib

from airflow_provider_convexport.export.dataset.compression import suffix_of, zstandard
from airflow_provider_convexport.export.stage.segment import damaged, inflate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_convexport.export.dataset.compression import Compression
    from airflow_provider_convexport.export.stage.segment import Segment

_ZSTD_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Composed:
    """Number of records, sizes in bytes and SHA-256 (hexadecimal) of a file that was written."""

    records: int
    bytes: int
    uncompressed_bytes: int
    sha256: str


class _Encoder(Protocol):
    def add(self, segment: Segment, data: bytes) -> bytes: ...
    def finish(self) -> bytes: ...


def check_available(compression: Compression) -> None:
    """Check before the first request that files can be compressed.

    :raises ConfigurationError: if there is no such compression or its library is not installed.
    """
    suffix_of(compression)
    _encoder(compression)


def compose(
    parts: Iterable[tuple[Segment, bytes]], target: IO[bytes], *, compression: Compression
) -> Composed:
    """Concatenate segments to one file.

    :param parts: Segments and their deflate data, in order; consumed one at a time.
    :param target: An empty file.
    :param compression: Compression of the file. For ``"gzip"`` the segments' deflate data is used unchanged.
    :raises IncompleteExportError: if staged data is damaged.
    """
    encoder = _encoder(compression)
    digest = hashlib.sha256()
    records = size = uncompressed = 0

    def write(data: bytes) -> None:
        nonlocal size
        target.write(data)
        digest.update(data)
        size += len(data)

    for segment, data in parts:
        if len(data) != segment.length:
            raise damaged(segment)
        write(encoder.add(segment, data))
        records += segment.records
        uncompressed += segment.uncompressed
    write(encoder.finish())
    return Composed(records, size, uncompressed, digest.hexdigest())


class _Gzip:
    """Concatenates deflate segments, with the header, checksum and length that RFC 1952 requires."""

    def __init__(self) -> None:
        self._header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
        self._crc = 0
        self._length = 0

    def add(self, segment: Segment, data: bytes) -> bytes:
        header, self._header = self._header, b""
        self._crc = isal_zlib.crc32_combine(self._crc, segment.crc32, segment.uncompressed)
        self._length += segment.uncompressed
        return header + data

    def finish(self) -> bytes:
        empty_final_block = b"\x03\x00"
        return self._header + empty_final_block + struct.pack("<II", self._crc, self._length & 0xFFFFFFFF)


class _Plain:
    def add(self, segment: Segment, data: bytes) -> bytes:
        return inflate(segment, data)

    def finish(self) -> bytes:
        return b""


class _Zstd:
    def __init__(self) -> None:
        self._compressor = zstandard().ZstdCompressor(level=_ZSTD_LEVEL).compressobj()

    def add(self, segment: Segment, data: bytes) -> bytes:
        return bytes(self._compressor.compress(inflate(segment, data)))

    def finish(self) -> bytes:
        return bytes(self._compressor.flush())


def _encoder(compression: Compression) -> _Encoder:
    match compression:
        case "gzip":
            return _Gzip()
        case "zstd":
            return _Zstd()
        case "none":
            return _Plain()
