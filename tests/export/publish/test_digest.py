from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.export.dataset.manifest import read_manifest
from airflow_provider_convexport.export.publish.digest import digest_of_lines, digest_of_partition
from tests.support.runs import DAY_1, Run
from tests.support.samples import APRIL_1
from tests.support.stores import local_store

LINES = st.lists(st.binary(max_size=9).filter(lambda line: b"\n" not in line), max_size=12)
START = APRIL_1.timestamp()


def text(lines):
    return b"".join(line + b"\n" for line in lines)


@given(lines=LINES, seed=st.integers(0, 99))
def test_the_order_of_the_lines_does_not_matter(lines, seed):
    other = random.Random(seed).sample(lines, len(lines))

    assert digest_of_lines([text(lines)]) == digest_of_lines([text(other)])


@given(lines=LINES, cuts=st.lists(st.integers(0, 120), max_size=5))
def test_the_text_may_be_cut_anywhere(lines, cuts):
    whole = text(lines)
    bounds = [0, *sorted(cuts), len(whole)]

    pieces = [whole[a:b] for a, b in pairwise(bounds)]

    assert digest_of_lines(pieces) == digest_of_lines([whole])


@given(one=LINES, other=LINES)
def test_other_lines_have_another_digest(one, other):
    assert (digest_of_lines([text(one)]) == digest_of_lines([text(other)])) == (sorted(one) == sorted(other))


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_a_published_partition_has_the_digest_of_its_lines_however_it_is_compressed(tmp_path, compression):
    store = local_store(tmp_path)
    records = [(f"r{number}", START + number) for number in range(50)]
    Run(store, *records, compression=compression).publish()
    manifest = read_manifest(store, DAY_1)
    expected = digest_of_lines(
        b'{"id": "%b", "at": %.1f}\n' % (identity.encode(), moment) for identity, moment in records
    )

    assert digest_of_partition(store, DAY_1, manifest) == expected
