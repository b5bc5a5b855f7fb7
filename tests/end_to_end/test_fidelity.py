"""A published line is the vendor's record, byte for byte but for white space between tokens."""

from __future__ import annotations

import json

import pytest

from tests.support.exports import export
from tests.support.published import partitions, truth
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, STREAMS


class Digits(str):
    """A JSON number as it was written."""


def strict(text: bytes):
    """Parse JSON, numbers kept as their digits, key order and repeated keys kept."""
    return json.loads(text, parse_int=Digits, parse_float=Digits, object_pairs_hook=tuple)


@pytest.mark.parametrize("case", STREAMS, ids=str)
@pytest.mark.parametrize("pretty", [False, True], ids=["compact", "pretty"])
def test_each_line_equals_the_vendors_record_digit_for_digit_and_key_by_key(
    simulator, tmp_path, case, pretty
):
    simulator.update(pretty=pretty, records=20_000)
    start = MIDNIGHT - 20 * DAY

    export(case, tmp_path, start, start + 3 * DAY)

    expected = [
        strict(record)
        for records in truth(simulator, case, start, start + 3 * DAY).values()
        for record in records
    ]
    published = [strict(line) for lines in partitions(tmp_path).values() for line in lines]
    assert sorted(published, key=repr) == sorted(expected, key=repr)
    assert len(published) > 100
