from __future__ import annotations

import json
import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.stage import segment as module
from airflow_provider_convexport.export.stage.segment import SegmentWriter, decode_ids, inflate, without
from tests.support.samples import batch, record


def staged(*raws: bytes, offset: int = 0):
    writer = SegmentWriter(3)
    writer.add(batch(*((str(number), None) for number in range(len(raws))), raws=list(raws)))
    return finished(writer, offset=offset)


def finished(writer: SegmentWriter, *, offset: int = 0):
    pieces: list[bytes] = []
    segment = writer.finish(pieces, name="object", offset=offset)
    return segment, b"".join(pieces)


def lines_of(segment, data):
    return inflate(segment, data[: segment.length])


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":"1","n":1.10}',
        b'{"z":1,"a":2,"z":3}',
        b'{"n":12345678901234567890123456789.000000000000000000001}',
        b'{"n":-0.0,"m":1E+5,"k":1e-7}',
        b'{"t":"\\u00e9\\/\\ud83d\\ude00\\n"}',
        '{"t":"é\u2028\u2029\x85 😀"}'.encode(),
        b'{"t":"\xff not UTF-8"}',
        b'{ "spaces" : [ 1,  2 ] }',
        b'{\t"tabs":\t1}',
        b'{"empty":{},"list":[]}',
    ],
)
def test_a_record_comes_out_as_the_bytes_that_went_in(raw):
    assert lines_of(*staged(raw, b"{}")) == raw + b"\n{}\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_pretty_printed_record_becomes_one_line_with_its_values_untouched(newline):
    pretty = newline.join(["{", '  "b": 1.10,', '  "a": "x \\n  y",', '  "n": 9007199254740993.00', "}"])

    lines = lines_of(*staged(pretty.encode(), b'{"next": 1}'))

    assert lines.split(b"\n")[0] == b'{"b":1.10,"a":"x \\n  y","n":9007199254740993.00}'
    assert len(lines.splitlines()) == 2


def test_raw_line_separators_of_unicode_stay_in_a_pretty_printed_record():
    lines = lines_of(*staged('{\n"t": "a\u2028b\x85"\n}'.encode()))

    assert lines == '{"t":"a\u2028b\x85"}\n'.encode()


def test_bytes_that_are_not_utf_8_pass_through_a_pretty_printed_record():
    assert lines_of(*staged(b'{\n"t": "\xff"\n}')) == b'{"t":"\xff"}\n'


def test_half_of_an_emoji_passes_through_a_pretty_printed_record():
    assert lines_of(*staged(b'{\n"t": "\\ud83d"\n}')) == b'{"t":"\\ud83d"}\n'


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    records=st.lists(st.dictionaries(st.text(), JSON), min_size=1, max_size=6),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
)
def test_every_record_is_one_line_that_means_the_same(records, indent, ascii_only):
    raws = [json.dumps(one, indent=indent, ensure_ascii=False).encode(errors="replace") for one in records]
    if ascii_only:
        raws = [json.dumps(json.loads(raw), indent=indent).encode() for raw in raws]

    lines = lines_of(*staged(*raws)).split(b"\n")

    assert lines.pop() == b""
    assert [json.loads(line) for line in lines] == [json.loads(raw) for raw in raws]


def test_more_records_than_are_joined_at_a_time_keep_their_order():
    raws = [record(str(number)) for number in range(1500)]

    assert lines_of(*staged(*raws)) == b"".join(raw + b"\n" for raw in raws)


def test_a_segment_describes_itself():
    writer = SegmentWriter(3)
    writer.add(batch(("a", 20.0), ("b", 10.0)))
    writer.add(batch(("c", None)))
    writer.add(batch(("d", 30.5)))

    segment, data = finished(writer, offset=100)

    lines = inflate(segment, data[: segment.length])
    assert (segment.partition, segment.object, segment.offset, segment.records) == (3, "object", 100, 4)
    assert (segment.first, segment.last) == (10.0, 30.5)
    assert (segment.uncompressed, segment.crc32) == (len(lines), zlib.crc32(lines))
    assert (segment.ids_offset, segment.end) == (100 + segment.length, 100 + len(data))


def test_a_deflater_exists_only_while_it_compresses_a_block_so_that_open_partitions_hold_none(monkeypatch):
    made, deflater = [], module._deflater
    monkeypatch.setattr(module, "_deflater", lambda: made.append(1) or deflater())
    block = module._BLOCK
    writers = [SegmentWriter(number) for number in range(50)]
    for writer in writers:
        writer.add(batch(("a", 1.0), raws=[b"x" * 1000]))
    assert made == []
    assert [(writer.length, writer.pending) for writer in writers] == [(0, 1001)] * 50

    for _ in range(3):
        writers[0].add(batch(("b", 1.0), raws=[b"y" * (block - 1)]))
    assert len(made) == 3
    assert writers[0].length > 0
    assert writers[0].pending == 0

    segments = [finished(writer) for writer in writers]
    assert len(made) == 3 + 49
    assert lines_of(*segments[0]) == b"x" * 1000 + b"\n" + 3 * (b"y" * (block - 1) + b"\n")


@pytest.mark.slow
def test_an_open_partition_takes_a_few_kilobytes_of_memory():
    """Not counted by tracemalloc: deflaters are allocated outside of Python."""
    code = """
import re
from pathlib import Path
from tests.support.samples import batch
from airflow_provider_convexport.export.stage.segment import SegmentWriter

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

small = batch(("a", 1.0), raws=[b"x" * 1000])
writers = []
before = peak()
for number in range(2000):
    writers.append(SegmentWriter(number))
    writers[-1].add(small)
print(peak() - before)
"""
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )

    assert int(found.stdout) < 2000 * 8


def test_a_segment_without_any_time_has_no_first_and_no_last():
    segment, _ = staged(b"{}")

    assert (segment.first, segment.last) == (None, None)


def test_the_ids_can_be_read_back_in_order():
    writer = SegmentWriter(0)
    writer.add(batch(("b", None), ("a", None), ("é\n\u2028", None)))
    segment, data = finished(writer)

    assert decode_ids(data[segment.length :]) == ["b", "a", "é\n\u2028"]


def test_segments_in_a_row_are_one_deflate_stream():
    parts = [staged(record(str(number), text="x" * 50)) for number in range(5)]
    row = b"".join(data[: segment.length] for segment, data in parts) + b"\x03\x00"

    decoder = zlib.decompressobj(wbits=-15)
    lines = decoder.decompress(row)

    assert decoder.eof
    assert lines == b"".join(lines_of(*part) for part in parts)


def test_dropped_lines_are_gone_and_the_rest_is_as_it_was():
    raws = [record(str(number)) for number in range(5)]
    segment, data = staged(*raws)

    thinner, fresh = without(segment, data[: segment.length], {0, 3})

    assert inflate(thinner, fresh) == b"".join(raws[number] + b"\n" for number in (1, 2, 4))
    assert (thinner.records, thinner.length) == (3, len(fresh))
    assert (thinner.partition, thinner.object) == (segment.partition, segment.object)


def test_a_thinner_segment_can_still_stand_in_a_row():
    raws = [record(str(number)) for number in range(3)]
    segment, data = staged(*raws)
    _, fresh = without(segment, data[: segment.length], {1})

    lines = zlib.decompressobj(wbits=-15).decompress(fresh + data[: segment.length] + b"\x03\x00")

    assert lines == b"".join(raws[number] + b"\n" for number in (0, 2, 0, 1, 2))


@pytest.mark.parametrize("damage", ["other", "shorter", "garbage", "empty"])
def test_staged_data_that_changed_is_noticed(damage):
    segment, data = staged(record("1", text="a" * 40), record("2"))
    other, foreign = staged(record("1", text="b" * 40), record("2"))
    spoiled = {
        "other": foreign[: other.length],
        "shorter": data[: segment.length // 2],
        "garbage": b"\xff" * segment.length,
        "empty": b"",
    }[damage]

    with pytest.raises(
        IncompleteExportError, match="The staged object object does not contain what was written"
    ):
        inflate(segment, spoiled)


def test_a_segment_survives_its_checkpoint():
    segment, _ = staged(b"{}")

    assert msgspec.json.decode(msgspec.json.encode(segment), type=type(segment)) == segment


def test_a_record_with_a_line_break_leaves_its_neighbours_as_they_were_sent():
    spaced, broken = b'{"_id": "a",  "n": 1.0}', b'{"_id": "b",\r\n "n": [1,\n2]}'
    writer = SegmentWriter(0)
    writer.add(batch(("a", None), ("b", None), ("c", None), raws=[spaced, broken, spaced]))
    pieces = []

    segment = writer.finish(pieces, name="x", offset=0)

    lines = inflate(segment, b"".join(pieces)[: segment.length]).split(b"\n")
    assert lines == [spaced, b'{"_id":"b","n":[1,2]}', spaced, b""]
