from __future__ import annotations

import sys
from typing import get_args

import pytest

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.compression import (
    Compression,
    compression_of,
    suffix_of,
    zstandard,
)

SUFFIXES = {"gzip": ".jsonl.gz", "zstd": ".jsonl.zst", "none": ".jsonl"}


def test_every_compression_has_a_suffix():
    assert {each: suffix_of(each) for each in get_args(Compression)} == SUFFIXES


@pytest.mark.parametrize("value", ["", "gz", "GZIP", "snappy", None, 5])
def test_another_compression_is_refused(value):
    with pytest.raises(ConfigurationError) as caught:
        suffix_of(value)
    assert str(caught.value) == f"compression={value!r} is not one of ['gzip', 'zstd', 'none']."


@pytest.mark.parametrize(("compression", "suffix"), SUFFIXES.items())
def test_a_published_file_is_recognised_by_its_name(compression, suffix):
    assert compression_of(f"part-0123456789abcdef-00000{suffix}") == compression


def test_zstandard_is_returned_where_it_is_installed():
    library = zstandard()

    assert library.ZstdDecompressor().decompress(library.ZstdCompressor().compress(b"text")) == b"text"


def test_where_zstandard_is_missing_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)  # as Python itself marks what cannot be imported

    with pytest.raises(ConfigurationError) as caught:
        zstandard()

    assert str(caught.value) == (
        "compression='zstd' needs the package zstandard; "
        "install airflow-provider-convexport[zstd], or use compression='gzip'."
    )
