"""Compression of published files, and the file name suffix of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, get_args

from isal import isal_zlib

from airflow_provider_convexport.errors import ConfigurationError

if TYPE_CHECKING:
    from types import ModuleType

Compression = Literal["gzip", "zstd", "none"]

_SUFFIX: dict[Compression, str] = {"gzip": ".jsonl.gz", "zstd": ".jsonl.zst", "none": ".jsonl"}


def suffix_of(compression: Compression) -> str:
    """Return the file name suffix of a compression, such as ``".jsonl.gz"``.

    :raises ConfigurationError: if there is no such compression.
    """
    if compression not in get_args(Compression):
        raise ConfigurationError(f"compression={compression!r} is not one of {list(get_args(Compression))}.")
    return _SUFFIX[compression]


def compression_of(name: str) -> Compression:
    """Return how a published file is compressed, judged by the suffix of its name."""
    return next(
        (compression for compression, suffix in _SUFFIX.items() if name.endswith(suffix)),
        "none",
    )


class Decoder(Protocol):
    """Decompresses a file piece by piece."""

    def decompress(self, data: bytes, /) -> bytes:
        """Return the text of the next piece, as far as it is complete."""


class _Plain:
    def decompress(self, data: bytes, /) -> bytes:
        return data


def decoder_of(name: str) -> Decoder:
    """Return what decompresses a published file, judged by the suffix of its name.

    :raises ConfigurationError: if the library for it is not installed.
    """
    match compression_of(name):
        case "gzip":
            return isal_zlib.decompressobj(wbits=31)
        case "zstd":
            decoder: Decoder = zstandard().ZstdDecompressor().decompressobj()
            return decoder
        case "none":
            return _Plain()


def zstandard() -> ModuleType:
    """Return the module ``zstandard``, which is an optional dependency.

    :raises ConfigurationError: if it is not installed.
    """
    try:
        import zstandard as library
    except ImportError:
        raise ConfigurationError(
            "compression='zstd' needs the package zstandard; "
            "install airflow-provider-convexport[zstd], or use compression='gzip'."
        ) from None
    return library
