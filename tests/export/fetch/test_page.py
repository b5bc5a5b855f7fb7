from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch.moment import moment_of
from airflow_provider_convexport.export.fetch.page import MalformedAnswerError, PageFormat
from tests.support.samples import APRIL_1

LAYOUT = PageFormat("Acme /export", ("data", "items"), ("meta", "next"), "_id", "at")
FLAT = PageFormat("Acme /export", ("data",), ("cursor",), "_id", "at")
MIDNIGHT = APRIL_1.timestamp()


def decode(value, layout=LAYOUT):
    return layout.decode(json.dumps(value).encode())


@pytest.mark.parametrize("key", ["data", "items"])
def test_either_list_key_is_read(key):
    page = decode({key: [{"_id": "a", "at": 5}], "meta": {"next": None}})

    assert (page.ids, page.moments, page.link) == (["a"], [5], None)


def test_the_same_records_under_both_list_keys_are_read_once():
    assert decode({"items": [{"_id": "a"}], "data": [{"_id": "a"}]}).ids == ["a"]


def test_different_records_under_both_list_keys_are_an_error_since_either_could_be_lost():
    with pytest.raises(
        IncompleteExportError, match=r"^Acme /export answered with different records in 'data' and"
    ):
        decode({"items": [{"_id": "old"}], "data": [{"_id": "new"}]})


@pytest.mark.parametrize(
    "answer", [{"data": [], "items": [{"_id": "a"}]}, {"data": [{"_id": "a"}], "items": []}]
)
def test_an_empty_list_does_not_hide_the_records_of_the_other(answer):
    assert decode(answer).ids == ["a"]


def test_a_null_in_the_preferred_key_leaves_the_other():
    assert decode({"items": [{"_id": "a"}], "data": None}).ids == ["a"]


def test_an_empty_list_is_a_page_without_records():
    page = decode({"data": [], "meta": {"next": "/more"}})

    assert (list(page.raws), page.ids, page.moments, page.link) == ([], [], [], "/more")


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"meta": {"next": None}}, {"detail": "try later"}])
def test_an_answer_without_its_list_is_not_an_empty_day(answer):
    with pytest.raises(
        IncompleteExportError, match=r"Acme /export answered 200 without its record list 'data' or 'items'"
    ):
        decode(answer)


@pytest.mark.parametrize("answer", [[], "ok", 5, None, True, {"data": {}}, {"data": [1]}, {"data": [None]}])
def test_an_answer_of_another_shape_is_incomplete(answer):
    with pytest.raises(IncompleteExportError, match="body that does not have the documented shape"):
        decode(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>busy</html>",
        b'{"data": [',
        b'{"data": [{"_id": "a"}]',
        b'{"data": []} x',
        b"\x1f\x8b\x08",
        b"{'data': []}",
    ],
)
def test_a_body_that_is_not_whole_json_is_malformed(body):
    with pytest.raises(MalformedAnswerError):
        LAYOUT.decode(body)


def test_whole_numbers_are_ids_too():
    assert decode({"data": [{"_id": 7}, {"_id": "8"}]}).ids == ["7", "8"]


@pytest.mark.parametrize(
    "head", [{}, {"_id": None}, {"_id": 1.5}, {"_id": True}, {"_id": {}}, {"_id": []}, {"_id": ""}]
)
def test_a_record_without_a_usable_id_stops_the_export(head):
    with pytest.raises(
        IncompleteExportError, match=r"a record without a usable '_id' \(number 2 of its page\)"
    ):
        decode({"data": [{"_id": "a"}, head]})


def test_no_message_shows_what_a_record_says():
    with pytest.raises(IncompleteExportError) as caught:
        decode({"data": [{"text": "my secret"}]})
    assert "secret" not in str(caught.value)
    with pytest.raises(IncompleteExportError) as caught:
        decode({"data": ["my secret"], "secret": 1})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "meta", [{}, {"meta": None}, {"meta": {}}, {"meta": {"next": None}}, {"meta": {"next": ""}}]
)
def test_a_missing_null_or_empty_link_ends_the_walk(meta):
    assert decode({"data": [], **meta}).link is None


def test_a_cursor_may_be_a_number():
    assert decode({"data": [], "cursor": 42}, FLAT).link == "42"


@pytest.mark.parametrize("link", [True, 1.5, {}, ["a"]])
def test_a_link_of_another_type_stops_the_export(link):
    with pytest.raises(IncompleteExportError, match="sent a next link of type"):
        decode({"data": [], "cursor": link}, FLAT)


@pytest.mark.parametrize("meta", ["/more", ["/more"], 5])
def test_a_link_in_a_wrapper_of_another_type_is_not_the_end(meta):
    with pytest.raises(IncompleteExportError):
        decode({"data": [], "meta": meta})


def test_records_keep_their_bytes_whatever_stands_around_them():
    first = b'{ "z" : 1.10, "_id":"a" , "n": 12345678901234567890.000, "u": "\\u00e9\\/" }'
    second = b'{"_id":"b","at":null,"big":' + b"9" * 60 + b"}"

    page = LAYOUT.decode(b' {"data" :\n [ ' + first + b" ,\r\n" + second + b' ]\t, "more": [[]]} ')

    assert [bytes(raw) for raw in page.raws] == [first, second]


@pytest.mark.parametrize("text", ["\\ud83d", "cut \\ud83d off", "\\udc00\\ud800", "\\ud83dabcdefgh"])
def test_half_of_an_emoji_in_a_text_does_not_stop_the_export(text):
    raw = b'{"_id": "a", "at": 5, "text": "' + text.encode() + b'"}'

    page = LAYOUT.decode(b'{"data": [' + raw + b', {"_id": "b"}]}')

    assert (page.ids, bytes(page.raws[0])) == (["a", "b"], raw)


@pytest.mark.parametrize("text", [b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"x" * 70_000 + b"\xf0\x9f\x98"])
def test_bytes_that_are_not_utf_8_are_malformed_since_they_would_spoil_their_whole_file(text):
    with pytest.raises(MalformedAnswerError, match="not UTF-8"):
        LAYOUT.decode(b'{"data": [{"_id": "a", "text": "' + text + b'"}]}')


def test_a_character_on_the_edge_of_what_is_checked_at_a_time_is_utf_8():
    for shift in range(4):
        raw = b'{"_id": "a", "text": "' + b"x" * (2**12 - 40 - shift) + "😀€é".encode() * 10 + b'"}'
        assert bytes(LAYOUT.decode(b'{"data": [' + raw + b"]}").raws[0]) == raw


def test_an_id_with_half_an_emoji_is_the_same_on_every_page():
    ids = {
        LAYOUT.decode(b'{"data": [{"_id": "a\\ud83d"}%s]}' % more).ids[0]
        for more in (
            b"",
            b', {"_id": "b", "text": "\\ude00"}',
            b', {"_id": "\\ue000"}',
            b', {"_id": "\\uDBFF"}',
        )
    }
    assert len(ids) == 1


def test_ids_that_differ_only_in_half_an_emoji_stay_different():
    answer = rb'{"data": [{"_id": "a\ud83d"}, {"_id": "a\ude00"}, {"_id": "a\\ud83d"}, {"_id": "a"}]}'

    assert len(set(LAYOUT.decode(answer).ids)) == 4


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-04-01T00:00:00", MIDNIGHT),
        ("2026-04-01T00:00:00Z", MIDNIGHT),
        ("2026-03-31T23:59:60Z", MIDNIGHT),
        ("2026-03-31T23:59:60.250+00:00", MIDNIGHT + 0.25),
        ("2026-03-31T24:00:00Z", MIDNIGHT),
        ("2026-03-31 24:00", MIDNIGHT),
        ("2026-03-31T24:00:01Z", None),
        ("2026-03-31T23:60:00Z", None),
        ("2026-04-01T00:00:00+00:00", MIDNIGHT),
        ("2026-04-01T02:00:00+02:00", MIDNIGHT),
        ("2026-03-31T19:00:00-0500", MIDNIGHT),
        ("2026-04-01 00:00:00", MIDNIGHT),
        ("2026-04-01T00:00:00.250000", MIDNIGHT + 0.25),
        ("2026-04-01T00:00:00.5Z", MIDNIGHT + 0.5),
        (1775001600, MIDNIGHT),
        (1775001600.125, MIDNIGHT + 0.125),
        (0, 0),
        (-5, -5),
    ],
)
def test_times_are_read_in_all_forms_that_vendors_send(value, moment):
    assert moment_of(value) == moment


@pytest.mark.parametrize("digits", ["9999999", "999999999", "9" * 30])
def test_digits_past_the_microsecond_never_move_a_record_into_the_next_day(digits):
    assert moment_of(f"2026-03-31T23:59:59.{digits}Z") < MIDNIGHT


@pytest.mark.parametrize(
    "value", [None, {}, [], True, False, "", "soon", "2026-13-01T00:00:00Z", "{}", "1775001600"]
)
def test_what_is_no_time_is_none(value):
    assert moment_of(value) is None


@pytest.mark.parametrize(
    "value", [1775001600000, 1e18, -1e18, 10**400, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_number_that_no_calendar_holds_is_none(value):
    """Milliseconds in place of seconds, say: such a moment cannot be written into a manifest."""
    moment = moment_of(value)

    assert moment is None or datetime.fromtimestamp(moment, tz=UTC)


def test_a_page_of_numbers_is_checked_like_any_other():
    assert decode({"data": [{"_id": "a", "at": 5}, {"_id": "b", "at": 1775001600000}]}).moments == [5, None]


def test_times_of_one_page_may_differ_in_form():
    page = decode({"data": [{"_id": "a", "at": {}}, {"_id": "b", "at": 5}, {"_id": "c", "at": "1970-01-01"}]})

    assert page.moments == [None, 5, 0.0]


@given(st.one_of(st.text(), st.floats(), st.integers(), st.datetimes(timezones=st.timezones()).map(str)))
def test_no_time_ever_raises_and_every_one_found_can_be_written(value):
    moment = moment_of(value)

    assert moment is None or datetime.fromtimestamp(moment, tz=UTC)


FLAGGED = replace(FLAT, end_flag=("done",))
NESTED = replace(LAYOUT, end_flag=("meta", "state", "done"))
SHARED = replace(LAYOUT, end_flag=("meta", "done"))


@pytest.mark.parametrize("flag", [True, False])
def test_a_flag_says_whether_the_page_is_the_last(flag):
    page = decode({"data": [], "cursor": "next", "done": flag}, FLAGGED)

    assert (page.is_last, page.link) == (flag, "next")


@pytest.mark.parametrize("flag", [True, False])
def test_a_flag_may_lie_deeper(flag):
    page = decode({"data": [], "meta": {"state": {"done": flag}, "next": "/more"}}, NESTED)

    assert (page.is_last, page.link) == (flag, "/more")


@pytest.mark.parametrize("flag", [True, False])
def test_a_flag_may_lie_beside_the_link(flag):
    page = decode({"data": [], "meta": {"done": flag, "next": "/more"}}, SHARED)

    assert (page.is_last, page.link) == (flag, "/more")


def test_a_flag_needs_no_link():
    page = decode({"data": [], "done": False}, replace(FLAGGED, link=()))

    assert (page.is_last, page.link) == (False, None)


@pytest.mark.parametrize("answer", [{"done": True}, {"done": "no"}, {}])
def test_without_a_flag_in_the_format_no_page_is_the_last(answer):
    assert decode({"data": [], **answer}, FLAT).is_last is False


@pytest.mark.parametrize("flag", [None, "true", "", 0, 1, 1.0, {}, []])
def test_a_flag_that_is_not_a_boolean_stops_the_export(flag):
    with pytest.raises(IncompleteExportError) as caught:
        decode({"data": [], "cursor": "next", "done": flag}, FLAGGED)

    assert str(caught.value) == (
        "Acme /export answered without 'done' as true or false, so whether another page follows is not "
        "known; nothing was published."
    )


@pytest.mark.parametrize("meta", [{}, {"meta": None}, {"meta": {}}, {"meta": {"next": None}}])
def test_a_missing_flag_stops_the_export(meta):
    with pytest.raises(IncompleteExportError, match=r"^Acme /export answered without 'meta\.done' as "):
        decode({"data": [], **meta}, SHARED)


@pytest.mark.parametrize(("meta", "kind"), [([], "list"), ("x", "str"), (True, "bool"), (5, "int")])
def test_a_flag_in_a_wrapper_of_another_type_stops_the_export(meta, kind):
    with pytest.raises(IncompleteExportError) as caught:
        decode({"data": [], "meta": meta}, replace(SHARED, link=()))

    assert str(caught.value) == (
        f"Acme /export sent a 'meta' of type {kind} instead of an object, so whether another page follows is "
        "not known; nothing was published."
    )


def test_a_flag_is_read_beside_half_of_an_emoji():
    page = FLAGGED.decode(b'{"data": [{"_id": "a", "text": "\\ud83d"}], "cursor": "c", "done": true}')

    assert (page.ids, page.link, page.is_last) == (["a"], "c", True)


def test_some_records_of_the_last_page_are_of_the_last_page():
    page = decode({"data": [{"_id": "a"}, {"_id": "b"}], "cursor": "c", "done": True}, FLAGGED).pick([1])

    assert (page.ids, page.link, page.is_last) == (["b"], "c", True)


@pytest.mark.parametrize("body", ['{"data": [{"_id": "a", "x": %s}]}', '{"data": [], "meta": %s}'])
def test_an_answer_that_is_nested_too_deeply_is_one_sentence_and_no_recursion_error(body):
    with pytest.raises(IncompleteExportError) as caught:
        LAYOUT.decode((body % ("[" * 100_000 + "]" * 100_000)).encode())

    assert str(caught.value) == (
        "Acme /export answered 200 with a body that is nested too deeply to be read; nothing was published, "
        "and the next try requests it again."
    )
