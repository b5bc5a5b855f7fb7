from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_convexport.export.fetch.surrogates import mask, unmask

PIECES = (
    "a",
    "ud83d",  # looks like the rest of an escape
    "ue000",
    "é",
    "😀",
    r"\\",
    r"\"",
    r"\/",
    r"\n",
    r"\u00e9",
    r"\u005c",  # a backslash
    r"\ud83d\ude00",
    r"\uD83D\uDE00",
    r"\ud83d",
    r"\uD83D",
    r"\ude00",
    r"\uDE00",
    r"\udfff",
    r"\ue000",
    r"\uE001",
)
TEXTS = st.lists(st.sampled_from(PIECES)).map(lambda pieces: '"' + "".join(pieces) + '"')
ANY_TEXT = st.text(st.characters())  # halves of pairs included
DOCUMENTS = st.recursive(
    ANY_TEXT | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)
)


def has_lone(text):
    """Tell what Python's own decoder, which joins pairs and keeps lone halves, makes of a JSON text."""
    return any("\ud800" <= char <= "\udfff" for char in json.loads(text))


@given(TEXTS)
@example(r'"\\\ud83d"')
@example(r'"\\\\ud83d"')
@example(r'"\ud83d\ud83d\ude00\ude00"')
@example(r'"\ud83d\\ude00"')
@example(r'"\\ue000\ud83d"')
def test_a_masked_text_is_valid_as_long_and_gets_its_originals_back(text):
    body = text.encode()

    masked, originals = mask(body)

    assert bool(originals) == has_lone(text)
    assert len(masked) == len(body)
    assert unmask(masked, originals) == body
    decoded = msgspec.json.decode(masked)
    for stand_in, original in originals.items():
        decoded = decoded.replace(json.loads(b'"%s"' % stand_in), json.loads(b'"%s"' % original))
    assert decoded == json.loads(text)


@given(TEXTS)
def test_a_stand_in_is_found_nowhere_else(text):
    _, originals = mask(text.encode())

    assert len(set(originals.values())) == len(originals)
    for stand_in in originals:
        assert stand_in not in text.lower().encode()
        assert json.loads(b'"%s"' % stand_in) == chr(int(stand_in[2:], 16))


@given(DOCUMENTS)
def test_any_document_of_pythons_own_encoder_comes_back(value):
    body = json.dumps(value).encode()

    masked, originals = mask(body)

    msgspec.json.decode(masked)
    assert unmask(masked, originals) == body


@given(st.lists(st.sampled_from([r"\ud83d", r"\\ud83d", "x", r"\ue000"]), min_size=1))
def test_a_part_of_the_document_gets_its_originals_back_too(pieces):
    """Records are cut out of the masked document, and each is unmasked alone."""
    texts = [b'"%s"' % piece.encode() for piece in pieces]

    masked, originals = mask(b"[" + b",".join(texts) + b"]")

    raws = msgspec.json.decode(masked, type=list[msgspec.Raw])

    assert [unmask(bytes(raw), originals) for raw in raws] == texts


@pytest.mark.parametrize(
    "body", [b"", b"{}", rb'"\ud83d\ude00"', rb'"\\ud83d"', rb'"\\\\udc00"', b'"\xff"', rb'"\u00e9 \ue000"']
)
def test_a_text_without_lone_halves_is_left_alone(body):
    assert mask(body) == (body, {})


@pytest.mark.parametrize(
    ("body", "masked", "originals"),
    [
        (rb'"\ud83d"', rb'"\ue000"', {rb"\ue000": rb"\ud83d"}),
        (rb'"\udC00 \ue000"', rb'"\ue001 \ue000"', {rb"\ue001": rb"\udC00"}),
        (rb'"\udc00 \uE000"', rb'"\ue001 \uE000"', {rb"\ue001": rb"\udc00"}),
        (rb'"\\ue000 \ud83d"', rb'"\\ue000 \ue001"', {rb"\ue001": rb"\ud83d"}),
        (rb'"\ude00\ud83d"', rb'"\ue001\ue000"', {rb"\ue000": rb"\ud83d", rb"\ue001": rb"\ude00"}),
        (
            rb'"\ud83d\uD83D\ud83d"',
            rb'"\ue001\ue000\ue001"',
            {rb"\ue000": rb"\uD83D", rb"\ue001": rb"\ud83d"},
        ),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ue000\ud83d\ude00"', {rb"\ue000": rb"\ud83d"}),
        (rb'"\\\ud83d"', rb'"\\\ue000"', {rb"\ue000": rb"\ud83d"}),
    ],
)
def test_each_lone_half_gets_the_first_free_stand_in(body, masked, originals):
    assert mask(body) == (masked, originals)


def test_a_text_that_uses_every_stand_in_is_left_to_the_decoder_to_refuse():
    body = b'"' + b"".join(b"\\u%04x" % code for code in range(0xE000, 0xF900)) + rb'\ud83d"'

    assert mask(body) == (body, {})


def test_a_character_of_the_private_use_area_itself_is_not_taken_for_a_stand_in():
    body = '"\ue000 \\ud83d"'.encode()

    masked, originals = mask(body)

    assert (masked, originals) == ('"\ue000 \\ue000"'.encode(), {rb"\ue000": rb"\ud83d"})
    assert unmask(masked, originals) == body
