from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest
from msgspec import UNSET

from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.manifest import (
    MANIFEST,
    Manifest,
    Span,
    check_replaceable,
    read_manifest,
)
from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.fetch.stream import Query
from airflow_provider_convexport.export.window import Window
from tests.support.manifests import manifest_of
from tests.support.samples import APRIL_1, DAY, HOUR, days, query, stream

NOON = APRIL_1 + 12 * HOUR
FOLDER = "dt=2026-04-01"


def same_query(**changes):
    return query(**{"scope": {"bot": "b"}, "filters": {"agent": "a"}} | changes)


class TestSpan:
    def test_a_window_is_written_with_a_final_z(self):
        assert Span.of(days(1)) == Span("2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z")

    def test_a_fraction_of_a_second_is_kept(self):
        end = APRIL_1 + timedelta(microseconds=1)

        assert Span.of(Window(APRIL_1, end)) == Span("2026-04-01T00:00:00Z", "2026-04-01T00:00:00.000001Z")

    @pytest.mark.parametrize(
        "window", [days(1), days(40), Window(APRIL_1, APRIL_1 + timedelta(seconds=0.25))]
    )
    def test_it_is_read_as_the_same_window(self, window):
        assert Span.of(window).window == window


class TestCovers:
    @pytest.mark.parametrize("expired", [{}, {"expired": UNSET}])
    def test_a_partition_is_complete_for_all_of_its_span(self, expired):
        assert manifest_of(**expired).covers == days(1)

    def test_what_the_vendor_no_longer_kept_is_not_covered(self):
        clipped = manifest_of(expired=Span.of(Window(APRIL_1, NOON)))

        assert clipped.covers == Window(NOON, APRIL_1 + DAY)

    def test_a_partition_after_the_expired_part_of_the_interval_is_complete(self):
        second = days(1, start=APRIL_1 + DAY)
        manifest = manifest_of(partition=Span.of(second), expired=Span.of(Window(APRIL_1, NOON)))

        assert manifest.covers == second


class TestEncoding:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"expired": Span.of(Window(APRIL_1, NOON))},
            {"content_digest": "c" * 64},
            {"window_evidence": "probe"},
            {"files": [], "records": 0, "first_record_at": None, "last_record_at": None},
            {"scope": {"bot": "Zürich 🙂"}},
            {"account": "acme.example"},
        ],
    )
    def test_a_manifest_survives_being_written_and_read(self, store, changes):
        manifest = manifest_of(**changes)
        store.put(f"{FOLDER}/{MANIFEST}", manifest.encode())

        assert read_manifest(store, FOLDER) == manifest

    def test_it_is_written_for_people_too(self):
        text = manifest_of().encode().decode()

        assert text.startswith('{\n "format_version": 1,\n "provider_version": "1.2.3",\n')
        assert text.endswith("}\n")

    def test_what_does_not_apply_is_left_out(self):
        written = json.loads(manifest_of().encode())

        assert written.keys() == set(Manifest.__struct_fields__) - {
            "expired",
            "content_digest",
            "requested_at",
            "checked_at",
            "window_evidence",
            "account",
            "table",
            "source",
            "drift",
        }

    def test_a_field_of_a_later_version_does_not_disturb(self, store):
        written = json.loads(manifest_of().encode()) | {"later": True}
        store.put(f"{FOLDER}/{MANIFEST}", json.dumps(written).encode())

        assert read_manifest(store, FOLDER) == manifest_of()


class TestReadManifest:
    def test_a_partition_that_was_never_published_has_none(self, store):
        assert read_manifest(store, FOLDER) is None

    @pytest.mark.parametrize(
        "content",
        [
            b"\xff\xfe",
            b'{"format_version": 1}',
            msgspec.json.encode(manifest_of()).replace(b'"records":3', b'"records":"3"'),
            msgspec.json.encode([manifest_of()]),
            msgspec.json.encode(manifest_of())[:-1],
            msgspec.json.encode(manifest_of()).replace(b'"acme"', b'"\xff"'),
        ],
    )
    def test_something_else_under_its_name_is_refused(self, memory, content):
        memory.put(f"{FOLDER}/{MANIFEST}", content)

        with pytest.raises(ConfigurationError) as caught:
            read_manifest(memory, FOLDER)

        assert str(caught.value) == (
            "memory://data/set/dt=2026-04-01/_manifest.json is not a manifest of this package; "
            "choose another destination or move it away."
        )


class TestDifferences:
    def test_there_is_none_from_the_query_that_wrote_it(self):
        assert manifest_of().differences(same_query()) == {}

    def test_what_only_sets_the_pace_makes_no_difference(self):
        assert manifest_of().differences(same_query(page_size=7, request_window=HOUR)) == {}

    @pytest.mark.parametrize(
        ("other", "differences"),
        [
            ({"scope": {"bot": "c"}}, {"scope": ({"bot": "b"}, {"bot": "c"})}),
            ({"scope": {}}, {"scope": ({"bot": "b"}, {})}),
            ({"filters": {}}, {"filters": ({"agent": "a"}, {})}),
            ({"window_on": "updated"}, {"window_on": ("created", "updated")}),
            (
                {"filters": {}, "window_on": "updated"},
                {"filters": ({"agent": "a"}, {}), "window_on": ("created", "updated")},
            ),
        ],
    )
    def test_each_is_told_as_there_and_here(self, other, differences):
        assert manifest_of().differences(same_query(**other)) == differences

    @pytest.mark.parametrize(
        ("there", "here", "replaceable"),
        [
            ("assumed", "probe", True),
            ("probe", "assumed", True),
            ("page", "probe", False),
            (UNSET, "", False),
        ],
    )
    def test_a_time_that_was_only_assumed_makes_no_difference(self, there, here, replaceable):
        manifest = manifest_of(window_evidence=there)
        differences = manifest.differences(same_query(window_on="updated", window_evidence=here))

        assert differences == ({} if replaceable else {"window_on": ("created", "updated")})

    def test_another_account_differs(self):
        there = manifest_of(account="acme.example")

        assert there.differences(same_query(account="other.example")) == {
            "account": ("acme.example", "other.example")
        }
        assert there.differences(same_query(account="acme.example")) == {}

    def test_the_account_of_a_manifest_of_an_earlier_version_is_not_known(self):
        assert manifest_of().differences(same_query(account="acme.example")) == {}

    def test_another_stream_differs(self):
        other = Query(stream(vendor="other", name="messages"), scope={"bot": "b"}, filters={"agent": "a"})

        assert manifest_of().differences(other) == {
            "vendor": ("acme", "other"),
            "stream": ("conversations", "messages"),
        }


class TestCheckReplaceable:
    URL = "s3://bucket/set/dt=2026-04-01"

    def check(self, manifest, *, query_=None, **grid):
        check_replaceable(
            manifest, self.URL, query_ or same_query(), PartitionGrid(days(2), "day", {}, **grid), 0
        )

    def test_an_empty_place_can_be_taken(self):
        self.check(None)

    def test_the_same_partition_can_be_replaced(self):
        self.check(manifest_of())

    def test_the_first_difference_is_told(self):
        with pytest.raises(ConfigurationError) as caught:
            self.check(manifest_of(), query_=same_query(filters={}, window_on="updated"))
        assert str(caught.value) == (
            f"{self.URL} holds a partition with filters={{'agent': 'a'}}, and this task exports "
            "filters={}; give each kind of export a destination of its own."
        )

    def test_a_longer_partition_cannot_be_replaced(self):
        with pytest.raises(ConfigurationError) as caught:
            self.check(manifest_of(partition=Span.of(days(2))))
        assert str(caught.value) == (
            f"{self.URL} holds a partition of 2026-04-01T00:00:00Z..2026-04-03T00:00:00Z, and this task "
            "would replace it with one of 2026-04-01T00:00:00Z..2026-04-02T00:00:00Z, which does not "
            "cover all of it; give each schedule and time zone a destination of its own."
        )

    @pytest.mark.parametrize("kept_from", [None, NOON - HOUR, NOON, NOON + HOUR])
    def test_one_that_lost_its_beginning_to_the_vendor_is_the_same_partition(self, kept_from):
        self.check(manifest_of(expired=Span.of(Window(APRIL_1, NOON))), kept_from=kept_from)
