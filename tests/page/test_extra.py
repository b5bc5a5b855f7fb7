from __future__ import annotations

from datetime import date

import pytest

from airflow_provider_convexport.page.extra import (
    DamagedEventError,
    DatasetKey,
    day_items,
    decoded,
    key_of,
    span_items,
)
from tests.support.page_events import as_text, export_extra

APRIL_1 = date(2026, 4, 1)
BEFORE = {
    "vendor": "agentx",
    "stream": "messages",
    "interval": ["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"],
    "records": 7,
    "bytes": 70,
    "requests": 2,
    "manifests": ["s3://conn@bucket/raw/bot_name=sales%20bot/dt=2026-04-01/_manifest.json"],
}


def test_an_event_of_an_earlier_version_names_its_dataset_and_day_by_its_manifests():
    extra = decoded(as_text(BEFORE))

    assert key_of(extra) == DatasetKey("s3://bucket/raw", "agentx", "messages", (("bot_name", "sales bot"),))
    item = day_items(extra)["2026-04-01"]
    assert (item.records, item.bytes, item.hours) == (7, 70, None)


def test_an_event_of_an_earlier_version_of_several_days_does_not_say_their_numbers():
    urls = [f"/raw/dt=2026-04-0{day}/_manifest.json" for day in (1, 2)]

    assert day_items(decoded(as_text({**BEFORE, "manifests": urls}))) == {
        "2026-04-01": None,
        "2026-04-02": None,
    }


def test_an_event_of_an_earlier_version_of_an_hour_names_it():
    extra = decoded(as_text({**BEFORE, "manifests": ["/raw/dt=2026-04-01/hour=05/_manifest.json"]}))

    assert day_items(extra)["2026-04-01"].hours == {"05": (7, 70)}


def test_an_event_of_an_earlier_version_of_an_interval_covers_it():
    extra = decoded(as_text({**BEFORE, "manifests": ["/raw/interval_start=20260401T000000Z/_manifest.json"]}))

    assert day_items(extra) == {}
    assert [(each.start, each.end, each.records) for each in span_items(extra)] == [(*BEFORE["interval"], 7)]


@pytest.mark.parametrize(
    "foreign",
    [
        "{}",
        "[]",
        "null",
        '"text"',
        "not JSON",
        '{"vendor": 5}',
        '{"vendor": "acme"}',
        '{"rows": 5}',
    ],
)
def test_an_event_of_somebody_else_is_left_out(foreign):
    assert decoded(foreign) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"records": "many"},
        {"days": {"2026-04-01": {"records": -1.5}}},
        {"days": [1]},
        {"interval": ["2026-04-01T00:00:00Z"]},
        {"manifests": [1]},
        {"scope": {"bot": None}},
        {"records": 10**30},
    ],
)
def test_an_event_that_looks_like_ours_and_cannot_be_read_is_damaged(wrong):
    with pytest.raises(DamagedEventError):
        decoded(as_text({**export_extra("/raw", APRIL_1), **wrong}))
