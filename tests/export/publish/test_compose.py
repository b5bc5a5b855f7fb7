from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.errors import ConfigurationError, IncompleteExportError
from airflow_provider_convexport.export.publish.compose import check_available, compose, suffix_of
from airflow_provider_convexport.export.stage.segment import SegmentWriter
from tests.support.samples import batch, record


def part(*raws: bytes):
    writer = SegmentWriter(0)
    writer.add(batch(*((str(number), None) for number in range(len(raws))), raws=list(raws)))
    pieces: list[bytes] = []
    segment = writer.finish(pieces, name="object", offset=0)
    return segment, b"".join(pieces)[: segment.length]


def written(parts, compression):
    target = io.BytesIO()
    facts = compose(parts, target, compression=compression)
    return target.getvalue(), facts


def gunzip_one_member(content: bytes) -> bytes:
    """What a reader sees that stops after the first member, as some do."""
    decoder = zlib.decompressobj(wbits=31)
    lines = decoder.decompress(content)
    assert decoder.eof
    assert decoder.unused_data == b""
    return lines


def unzstd_one_frame(content: bytes) -> bytes:
    decoder = zstandard.ZstdDecompressor().decompressobj()
    lines = decoder.decompress(content)
    assert decoder.eof
    assert decoder.unused_data == b""
    return lines


READERS = {"gzip": gunzip_one_member, "zstd": unzstd_one_frame, "none": bytes}


@pytest.mark.parametrize("compression", READERS)
@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_any_number_of_segments_is_one_member_or_frame(compression, count):
    raws = [record(str(number), text="é" * (number % 7)) for number in range(count)]

    content, facts = written((part(raw) for raw in raws), compression)

    lines = b"".join(raw + b"\n" for raw in raws)
    assert READERS[compression](content) == lines
    assert (facts.records, facts.bytes, facts.uncompressed_bytes) == (count, len(content), len(lines))
    assert facts.sha256 == hashlib.sha256(content).hexdigest()


def test_the_standard_library_reads_a_composed_gzip_file():
    raws = [record(str(number)) for number in range(50)]

    content, _ = written([part(*raws[:20]), part(*raws[20:])], "gzip")

    assert gzip.decompress(content) == b"".join(raw + b"\n" for raw in raws)


def test_the_same_segments_give_the_same_gzip_bytes():
    parts = [part(record("a")), part(record("b"))]

    assert written(parts, "gzip") == written(parts, "gzip")


@settings(max_examples=30)
@given(
    st.lists(
        st.lists(st.binary(max_size=200).map(lambda b: b'"%s"' % b.hex().encode()), min_size=1), max_size=6
    )
)
def test_every_compression_gives_back_the_lines(groups):
    parts = [part(*raws) for raws in groups]
    lines = b"".join(raw + b"\n" for raws in groups for raw in raws)

    for compression, read in READERS.items():
        assert read(written(parts, compression)[0]) == lines


@pytest.mark.parametrize("compression", READERS)
def test_damaged_staged_data_is_not_published(compression):
    segment, data = part(record("a", text="x" * 100), record("b"))

    with pytest.raises(IncompleteExportError, match="does not contain what was written to it"):
        compose([(segment, data[: len(data) // 2])], io.BytesIO(), compression=compression)


@pytest.mark.parametrize(
    ("compression", "suffix"), [("gzip", ".jsonl.gz"), ("zstd", ".jsonl.zst"), ("none", ".jsonl")]
)
def test_a_file_name_ends_with_its_compression(compression, suffix):
    assert suffix_of(compression) == suffix


@pytest.mark.parametrize("check", [suffix_of, check_available])
def test_another_compression_is_refused(check):
    with pytest.raises(
        ConfigurationError, match=r"compression='bz2' is not one of \['gzip', 'zstd', 'none'\]"
    ):
        check("bz2")


def test_a_missing_library_names_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(ConfigurationError, match=r"install airflow-provider-convexport\[zstd\], or use"):
        check_available("zstd")
