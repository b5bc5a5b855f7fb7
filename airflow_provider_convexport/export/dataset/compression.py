"""Compression of published files, and the file name suffix of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

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
