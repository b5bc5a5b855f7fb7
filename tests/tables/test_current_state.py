from __future__ import annotations

from datetime import date, timedelta

import pytest

from airflow_provider_convexport.cli.__main__ import main
from airflow_provider_convexport.cli.definitions import COMMANDS
from airflow_provider_convexport.cli.views import (
    vendors_with_inline_messages,
    views_for,
    windows_of_changes,
)
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.tables.current_state import ENGINES, current_state
from airflow_provider_convexport.tables.schema import TABLES
from tests.support.current_state import engine_with
from tests.support.samples import APRIL_1, DAY

HOUR = timedelta(hours=1)


def at(day, hour=0):
    """A time of April 2026."""
    return APRIL_1 + (day - 1) * DAY + hour * HOUR


def conversation(text, day, exported, *, window_on="created_at", identity="c1", vendor="ada", **columns):
    """A row from the partition of a day that was exported at a time; ``text`` tells versions apart."""
    return {
        "vendor": vendor,
        "scope": "{}",
        "partition_date": date(2026, 4, day),
        "window_on": window_on,
        "exported_at": exported,
        "conversation_id": identity,
        "summary": text,
    } | columns


def message(text, day, exported, *, identity="m1", within="c1", vendor="ada", **columns):
    row = conversation("", day, exported, identity=within, vendor=vendor, **columns)
    del row["summary"]
    return row | {"message_id": identity, "text": text}


def current(rows, *, messages=()):
    with engine_with({"conversations": rows, "messages": messages}) as engine:
        return [text for (text,) in engine.sql("SELECT summary FROM current_conversations").fetchall()]


def current_messages(rows, messages):
    with engine_with({"conversations": rows, "messages": messages}) as engine:
        found = engine.sql("SELECT text FROM current_messages ORDER BY text").fetchall()
        return [text for (text,) in found]


# --- which version is the newest ---------------------------------------------------------------------

NEWEST = {
    "the time of change, although it was exported earlier": [
        conversation("old", 1, at(9), updated_at=at(2)),
        conversation("new", 3, at(4), window_on="updated", updated_at=at(3)),
    ],
    "the last activity, if the times of change are equal": [
        conversation("old", 1, at(9), updated_at=at(3), last_activity_at=at(2)),
        conversation("new", 3, at(4), updated_at=at(3), last_activity_at=at(3)),
    ],
    "the last activity, if there is no time of change": [
        conversation("old", 1, at(9), last_activity_at=at(2)),
        conversation("new", 3, at(4), last_activity_at=at(3)),
    ],
    "the later export, if the vendor tells no time": [
        conversation("old", 3, at(4)),
        conversation("new", 1, at(9)),
    ],
    "the later export, if all times are equal": [
        conversation("old", 3, at(4), updated_at=at(2), last_activity_at=at(2)),
        conversation("new", 1, at(9), updated_at=at(2), last_activity_at=at(2)),
    ],
    "a time of change before none": [
        conversation("old", 3, at(9), last_activity_at=at(3)),
        conversation("new", 1, at(4), updated_at=at(2)),
    ],
    "a microsecond": [
        conversation("old", 1, at(9), updated_at=at(2)),
        conversation("new", 3, at(4), updated_at=at(2) + timedelta(microseconds=1)),
    ],
    "the later partition, if all else is equal": [
        conversation("old", 1, at(4), updated_at=at(2)),
        conversation("new", 2, at(4), updated_at=at(2)),
    ],
    "the first window_on, if even that is equal": [
        conversation("old", 1, at(4), window_on="updated"),
        conversation("new", 1, at(4), window_on="created"),
    ],
}


@pytest.mark.parametrize("rows", NEWEST.values(), ids=NEWEST)
def test_the_newest_version_is_shown_in_whichever_order_the_rows_are(rows):
    assert current(rows) == current(rows[::-1]) == ["new"]


def test_the_same_id_of_another_vendor_or_shop_is_another_conversation():
    rows = [
        conversation("a", 1, at(2)),
        conversation("b", 1, at(2), scope='{"bot":"x"}'),
        conversation("c", 1, at(2), vendor="agentx"),
    ]

    assert sorted(current(rows)) == ["a", "b", "c"]


def test_rows_without_an_id_are_all_shown():
    assert current([conversation(text, 1, at(2), identity=None) for text in "aa"]) == ["a", "a"]
    assert current_messages([], [message(text, 1, at(2), identity=None) for text in "aa"]) == ["a", "a"]


def test_a_view_has_the_columns_of_its_table():
    with engine_with({}) as engine:
        for name, table in TABLES.items():
            found = [
                (column[0], str(column[1])) for column in engine.sql(f"DESCRIBE current_{name}").fetchall()
            ]
            assert found == [(each[0], str(each[1])) for each in engine.sql(f"DESCRIBE {name}").fetchall()]
            assert len(found) == len(table.columns)


# --- what was deleted --------------------------------------------------------------------------------


def changed(day, exported, *, started):
    return conversation("changed", day, exported, window_on="updated", started_at=started)


def other(day, exported, *, window_on="created_at"):
    """Another conversation, of the creation partition of a day."""
    return conversation(
        "other", day, exported, window_on=window_on, identity=f"other {day}", started_at=at(day, 12)
    )


def shows_change(rows, **columns):
    return "changed" in current([{**row, **columns} for row in rows])


def test_a_conversation_that_the_later_export_of_its_day_lacks_was_deleted():
    assert not shows_change([changed(3, at(4), started=at(1)), other(1, at(5))])
    assert not shows_change([changed(3, at(4), started=at(2) - timedelta(microseconds=1)), other(1, at(5))])


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland", "UTC"])
def test_the_day_of_a_conversation_is_that_of_utc_whatever_the_session_says(zone):
    rows = [changed(3, at(4), started=at(1, 23)), other(1, at(5))]
    with engine_with({"conversations": rows}) as engine:
        engine.execute(f"SET TimeZone = '{zone}'")
        assert engine.sql("SELECT summary FROM current_conversations").fetchall() == [("other",)]


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="no export by creation"),
        pytest.param([other(2, at(5))], id="another day"),
        pytest.param([other(1, at(3))], id="an earlier version of its day"),
        pytest.param([other(1, at(4))], id="a version of the same second"),
        pytest.param([other(1, at(5), window_on="updated")], id="another export of changes"),
        pytest.param([{**other(1, at(5)), "scope": "another"}], id="another shop"),
        pytest.param([{**other(1, at(5)), "vendor": "agentx"}], id="another vendor"),
    ],
)
def test_a_conversation_stays_if_nothing_proves_that_it_was_deleted(others):
    assert shows_change([changed(3, at(4), started=at(1)), *others])


def test_a_conversation_that_an_export_by_creation_holds_is_not_deleted():
    rows = [
        changed(3, at(4), started=at(1)) | {"updated_at": at(3)},
        conversation("created", 7, at(2), updated_at=at(2)),
        other(1, at(5)),
    ]

    assert sorted(current(rows)) == ["changed", "other"]


def test_a_conversation_whose_beginning_is_unknown_stays():
    assert shows_change([changed(3, at(4), started=None), other(1, at(5))])


# --- messages ----------------------------------------------------------------------------------------

CREATED = {"window_on": "created_at", "vendor": "applied_labs"}
ACTIVE = {"window_on": "last_message_at", "vendor": "applied_labs"}


def test_a_message_of_a_stream_is_the_newest_of_its_id():
    rows = [
        message("old", 1, at(9), updated_at=at(2)),
        message("new", 1, at(4), updated_at=at(3)),
        message("other", 1, at(4), identity="m2"),
        message("first", 1, at(4), identity="m3"),
        message("second", 1, at(5), identity="m3"),
    ]

    assert current_messages([], rows) == ["new", "other", "second"]


def test_inline_messages_are_those_of_the_newest_version_of_their_conversation():
    conversations = [
        conversation("old", 1, at(9), updated_at=at(2), **CREATED),
        conversation("new", 3, at(4), updated_at=at(3), **ACTIVE),
    ]
    messages = [
        message("removed later", 1, at(9), identity="m1", **CREATED),
        message("edited: old", 1, at(9), identity="m2", **CREATED),
        message("edited: new", 3, at(4), identity="m2", **ACTIVE),
        message("added", 3, at(4), identity="m3", **ACTIVE),
    ]

    assert current_messages(conversations, messages) == ["added", "edited: new"]


def test_messages_of_a_stream_do_not_depend_on_conversations():
    conversations = [
        conversation("old", 1, at(9), updated_at=at(2), window_on="created"),
        conversation("new", 3, at(4), updated_at=at(3), window_on="updated"),
    ]

    assert current_messages(conversations, [message("sent", 1, at(9), window_on="created")]) == ["sent"]


def test_inline_messages_of_a_deleted_conversation_are_left_out():
    conversations = [
        conversation("gone", 3, at(4), started_at=at(1), **ACTIVE),
        {**other(1, at(5)), **CREATED},
    ]
    messages = [message("gone", 3, at(4), **ACTIVE), message("kept", 1, at(5), within="other 1", **CREATED)]

    assert current_messages(conversations, messages) == ["kept"]


def test_inline_messages_whose_conversation_is_unknown_stay():
    messages = [
        message("old", 1, at(4), within="unknown", **CREATED),
        message("new", 3, at(5), within="unknown", **ACTIVE),
    ]

    assert current_messages([conversation("a", 1, at(4), **CREATED)], messages) == ["new"]


# --- statements --------------------------------------------------------------------------------------


def test_what_differs_between_vendors_comes_from_their_streams_and_mappings():
    assert windows_of_changes() == {"updated", "last_message_at"}
    assert vendors_with_inline_messages() == {"applied_labs"}


def test_every_engine_of_the_command_has_statements():
    (command,) = [each for each in COMMANDS if each.name == "views"]
    (argument,) = [each for each in command.args if each.flags == ("--engine",)]

    assert set(argument.kwargs["choices"]) == set(ENGINES)


@pytest.mark.parametrize("engine", ENGINES)
def test_statements_of_engines_differ_in_a_day_and_in_quotes_alone(engine):
    here, there = views_for(engine), views_for("duckdb")
    for text, name in ((here, engine), (there, "duckdb")):
        assert ENGINES[name].utc_day.format("r.started_at") in text
    here = here.replace(ENGINES[engine].utc_day.format("r.started_at"), "DAY").replace('"', "")
    there = there.replace(ENGINES["duckdb"].utc_day.format("r.started_at"), "DAY")

    assert " ".join(here.split()) == " ".join(there.split())


def test_the_command_prints_the_statements(capsys):
    main(["views", "--engine", "bigquery", "--schema", "support", "--without-raw"])

    text = capsys.readouterr().out
    assert text.strip() == views_for("bigquery", schema="support", include_raw=False)
    assert "FROM support.conversations\n" in text
    assert "CREATE OR REPLACE VIEW support.current_messages AS" in text
    assert "r.raw" not in text
    assert "r.raw" in views_for("bigquery")


def test_an_unknown_engine_is_refused():
    with pytest.raises(ConfigurationError, match=r"engine='db2' does not exist; use one of \['bigquery', "):
        current_state("db2", changes=(), inline=())
