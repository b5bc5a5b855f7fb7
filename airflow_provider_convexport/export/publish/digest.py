"""A digest of a partition's records that does not depend on their order, to detect changes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from airflow_provider_convexport.export.dataset.compression import decoder_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_convexport.export.dataset.manifest import Manifest
    from airflow_provider_convexport.export.dataset.store import Store

_CHUNK = 4 * 2**20
"""Bytes of a published file that are read at a time."""
_MODULUS = 2**256


def digest_of_lines(blocks: Iterable[bytes]) -> str:
    """Return a digest of lines that depends on how often each occurs, but not on their order.

    It is the sum of the lines' SHA-256 values modulo 2 to the power of 256. The order is irrelevant because
    two exports of the same records may receive them in a different order.

    :param blocks: Blocks of the text, divided anywhere; the last line ends with a line feed.
    """
    total = 0
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        total += _sum(hashlib.sha256(line).digest() for line in lines)
    return _text(total)


def digest_of_digests(digests: Iterable[bytes]) -> str:
    """Return the digest of lines of which only the SHA-256 values are known; see `digest_of_lines`."""
    return _text(_sum(digests))


def _sum(digests: Iterable[bytes]) -> int:
    return sum(map(int.from_bytes, digests))


def _text(total: int) -> str:
    return f"{total % _MODULUS:064x}"


def digest_of_partition(store: Store, folder: str, manifest: Manifest) -> str:
    """Return the digest of a published partition: from its manifest, or else computed from its files.

    :raises FileNotFoundError: if one of its files does not exist.
    """
    known = manifest.content_digest
    return known if isinstance(known, str) else digest_of_lines(_lines(store, folder, manifest))


def _lines(store: Store, folder: str, manifest: Manifest) -> Iterator[bytes]:
    for file in manifest.files:
        decoder = decoder_of(file.name)
        for start in range(0, file.bytes, _CHUNK):
            data = store.get_range(f"{folder}/{file.name}", start, min(start + _CHUNK, file.bytes))
            yield decoder.decompress(data)
