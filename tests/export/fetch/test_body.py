from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib

import pytest
import urllib3

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch.body import MAX_BODY, read_body

MIB = 2**20


def response(content, **headers):
    headers = {"Content-Length": str(len(content))} | headers
    return urllib3.HTTPResponse(io.BytesIO(content), headers=headers, preload_content=False)


ENCODED = [
    pytest.param(response, id="identity"),
    pytest.param(lambda body: response(gzip.compress(body), **{"Content-Encoding": "gzip"}), id="gzip"),
    pytest.param(lambda body: response(zlib.compress(body), **{"Content-Encoding": "deflate"}), id="deflate"),
    pytest.param(
        lambda body: response(gzip.compress(gzip.compress(body)), **{"Content-Encoding": "gzip, gzip"}),
        id="gzip twice",
    ),
]


@pytest.mark.parametrize("encoded", ENCODED)
@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 3 * MIB])
def test_a_body_is_read_whole(encoded, size):
    body = bytes(range(251)) * (size // 251) + bytes(size % 251)

    assert read_body(encoded(body), source="Acme /export", limit=3 * MIB) == body


@pytest.mark.parametrize("encoded", ENCODED)
def test_a_larger_body_is_refused(encoded):
    with pytest.raises(IncompleteExportError) as caught:
        read_body(encoded(bytes(3 * MIB + 1)), source="Acme /export", limit=3 * MIB)

    assert str(caught.value) == (
        "Acme /export answered with more than 3 MiB, which no page has, so the rest was not read and nothing "
        "was published; if the records are that large, reduce page_size."
    )


@pytest.mark.parametrize("encoded", ENCODED[1:])
def test_the_memory_does_not_grow_with_what_a_body_decompresses_to(encoded):
    bomb = encoded(bytes(256 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(IncompleteExportError, match="more than 4 MiB"):
            read_body(bomb, source="Acme /export", limit=4 * MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 12 * MIB


def test_the_limit_is_far_above_any_page_and_far_below_the_memory_of_a_worker():
    assert MAX_BODY == 256 * MIB
