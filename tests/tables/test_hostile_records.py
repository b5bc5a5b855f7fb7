"""Records that are JSON, but of a kind that readers of JSON stumble over."""

from __future__ import annotations

import pytest

from airflow_provider_convexport.tables.mapping import tables_of
from airflow_provider_convexport.tables.schema import COMMON, TABLES
from tests.support.streams import STREAMS
from tests.tables.rows import Mapped

ADA = Mapped("ada", "conversations", "conversations")
MESSAGES = Mapped("ada", "messages", "messages")
DEEP = "[" * 100_000 + "]" * 100_000
MAPPED = [
    Mapped(case.vendor, case.stream, table)
    for case in STREAMS
    for table in tables_of(case.vendor, case.stream)
]


@pytest.mark.parametrize("mapped", MAPPED, ids=lambda each: f"{each.vendor}-{each.stream}-{each.table}")
@pytest.mark.parametrize("line", ["[1]", '"text"', "null", "17", "{", '{"_id":', "{]", "", "nonsense"])
def test_what_is_no_object_gives_a_row_with_nothing_but_raw(mapped, line):
    rows, drift = mapped.rows(line.encode())

    if mapped.vendor == "applied_labs" and mapped.table == "messages":
        assert rows == []
    else:
        (row,) = rows
        assert {name for name, value in row.items() if value is not None} == {"raw"}
        assert row["raw"] == line
    assert sum(drift["raw"].values()) == 1
    assert set(drift) == {"raw"}


def test_a_lone_surrogate_becomes_the_replacement_character_and_stays_in_raw():
    line = (
        r'{"_id":"c\ud83d","inquiry_summary":"\uDE00 \ud83d\ude00 \\ud83d","variables":{"\udfff":"\ud800"}}'
    )
    row = ADA.clean(line)

    assert row["conversation_id"] == "c�"
    assert row["summary"] == "� \U0001f600 \\ud83d"
    assert row["custom"] == r'{"variables":{"\ufffd":"\ufffd"}}'
    assert row["raw"] == line


def test_a_nul_character_is_kept():
    assert ADA.clean(r'{"inquiry_summary":"a\u0000b"}')["summary"] == "a\0b"


def test_bytes_that_are_not_utf_8_are_replaced_and_counted():
    row, drift = ADA.row(b'{"_id":"c\xff"}')

    assert (row["conversation_id"], row["raw"]) == ("c�", '{"_id":"c�"}')
    assert drift == {"raw": {"invalid UTF-8": 1}}


@pytest.mark.parametrize("written", ["1e400", "-1e400", "9" * 5000, "9" * 400])
def test_a_number_beyond_all_doubles_is_counted(written):
    row, drift = ADA.row(f'{{"_id":"c","bot_handle_time":{written},"agent_handle_time":1.5}}')

    assert (row["conversation_id"], row["bot_seconds"], row["agent_seconds"]) == ("c", None, 1.5)
    assert drift == {"bot_seconds": {"number": 1}}


def test_a_number_beyond_all_doubles_elsewhere_does_no_harm():
    row = ADA.clean('{"_id":"c","x_new":1e400,"variables":{"n":1e400},"language":"en"}')

    assert (row["conversation_id"], row["language"], row["custom"]) == (
        "c",
        "en",
        '{"variables":{"n":1e400}}',
    )


def test_integers_beyond_64_bits_are_numbers():
    assert ADA.clean('{"bot_handle_time":18446744073709551617}')["bot_seconds"] == 18446744073709551617.0


def test_an_id_that_is_a_whole_number_is_its_digits():
    assert ADA.clean('{"_id":18446744073709551617}')["conversation_id"] == "18446744073709551617"


def test_a_deeply_nested_value_does_not_hide_its_neighbours():
    row, drift = ADA.row(
        f'{{"_id":"c","x_new":{DEEP},"language":"en","platform":{DEEP},"variables":{{"v":{DEEP}}}}}'
    )

    assert (row["conversation_id"], row["language"], row["channel"]) == ("c", "en", None)
    assert row["custom"] == f'{{"variables":{{"v":{DEEP}}}}}'
    assert drift == {"channel": {"array": 1}}


def test_deep_nesting_in_a_message_does_not_hide_the_others():
    applied = Mapped("applied_labs", "conversations", "messages")
    rows, drift = applied.rows(f'{{"id":"c","messages":[{{"id":"m1","x":{DEEP}}},{{"id":"m2"}}]}}')

    assert [row["message_id"] for row in rows] == ["m1", "m2"]
    assert rows[0]["raw"] == f'{{"id":"m1","x":{DEEP}}}'
    assert drift == {}


def test_the_last_of_equal_keys_counts():
    assert ADA.clean('{"_id":"a","_id":"b"}')["conversation_id"] == "b"
    assert ADA.clean(r'{"_id":"a","x":"\ud800","_id":"b"}')["conversation_id"] == "b"
    assert ADA.clean('{"_id":"a","x":1e400,"platform":"chat","_id":"b"}')["conversation_id"] == "b"


def test_a_key_may_be_written_with_escapes():
    assert ADA.clean(r'{"\u005fid":"c"}')["conversation_id"] == "c"
    assert ADA.clean(rf'{{"\u005fid":"c","x":{DEEP}}}')["conversation_id"] == "c"


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01T00:00:00",
        "10000-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T24:00:00",
        "2026-02-30T00:00:00",
        "yesterday",
        "",
        "\0",
        "2026-05-02T08:00:00+25:00",
    ],
)
def test_a_date_that_no_calendar_has_is_counted(text):
    row, drift = ADA.row(date_created=text)

    assert (row["started_at"], drift) == (None, {"started_at": {"string": 1}})


@pytest.mark.parametrize(
    "written", ["1e300", "-62135596801", "253402300800", "true", "[1]", "{}", '"soon"', "1e400"]
)
def test_a_number_of_seconds_that_no_calendar_has_is_counted(written):
    row, drift = Mapped("agentx", "messages", "messages").row(f'{{"time":{written}}}')

    assert row["sent_at"] is None
    assert sum(drift["sent_at"].values()) == 1


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2026-05-01T24:00:00", "2026-05-02T00:00:00"),
        ("2026-05-02T08:00:05.1234569Z", "2026-05-02T08:00:05.123456Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
    ],
)
def test_times_are_read_as_exports_read_them(text, same_as):
    assert ADA.clean(date_created=text)["started_at"] == ADA.clean(date_created=same_as)["started_at"]


def test_only_true_and_false_are_booleans():
    for value in (0, 1, "true", [], {}):
        row, drift = ADA.row(is_escalated=value)
        assert (row["is_escalated"], sum(drift["is_escalated"].values())) == (None, 1)


def test_an_item_of_another_kind_is_null_in_its_place_and_counted():
    row, drift = ADA.row(agent_id=["a", 1, None, {}])

    assert (row["agent_ids"], drift) == (["a", None, None, None], {"agent_ids": {"number": 1, "object": 1}})


def test_white_space_between_tokens_changes_nothing_but_raw():
    row = MESSAGES.clean(' {\t"_id" : "m" , "message_data" :\n {"_type" : "text" , "body" : "Hi"} } ')

    assert (row["message_id"], row["text"], row["payload"]) == (
        "m",
        "Hi",
        '{"_type" : "text" , "body" : "Hi"}',
    )


def test_each_table_begins_with_the_common_columns_and_ends_with_raw():
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert names[: len(COMMON)] == ["vendor", "scope", "partition_date", "window_on", "exported_at"]
        assert names.count("raw") == 1
        assert names[-1] == "raw"
        assert table.arrow(include_raw=False).names == names[:-1]
