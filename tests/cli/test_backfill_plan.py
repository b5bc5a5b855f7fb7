from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.cli.plan_text import plan_text, shell_commands
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.timetables.export_window import ExportWindowTimetable
from tests.support.airflow_walk import backfill
from tests.support.backfills import plan, publish
from tests.support.backfills import utc_moment as day
from tests.support.counted import counted_store, fill
from tests.support.samples import DAY, HOUR
from tests.support.stores import local_store


class TestRuns:
    def test_they_are_the_windows_of_the_vendors_timetable_and_cover_what_is_asked(self):
        planned = plan()

        windows = [run.window for run in planned.runs]
        assert windows[0].start <= day(2026, 1, 1) < windows[0].end
        assert windows[-1].start < day(2026, 4, 1) <= windows[-1].end
        assert all(one.end == other.start for one, other in pairwise(windows))
        assert all(window.length == 59 * DAY for window in windows)

    @settings(deadline=None)
    @given(
        start=st.integers(0, 120 * 24).map(lambda hours: day(2026, 1, 1) + hours * HOUR),
        length=st.integers(1, 150),
        vendor=st.sampled_from(["ada", "agentx", "applied_labs"]),
    )
    def test_the_backfill_command_creates_exactly_the_planned_runs(self, start, length, vendor):
        planned = plan(vendor, start, start + length * DAY)
        words = shell_commands(planned)[2].split()
        first, last = (
            datetime.fromisoformat(words[words.index(flag) + 1]) for flag in ("--from-date", "--to-date")
        )

        runs = backfill(ExportWindowTimetable.for_vendor(vendor), first, last)

        assert [Window(info.data_interval.start, info.data_interval.end) for info in runs] == [
            run.window for run in planned.runs
        ]

    def test_a_window_that_has_not_settled_is_left_to_the_scheduler(self):
        planned = plan("applied_labs", day(2026, 11, 1), day(2026, 11, 21), now=day(2026, 11, 21))

        assert planned.runs[-1].state == "not settled"
        assert planned.runs[-1].requests == 0

    def test_another_schedule_may_be_planned_with(self):
        weeks = ExportWindowTimetable("weeks")

        planned = plan(start=day(2026, 3, 2), end=day(2026, 3, 16), timetable=weeks)

        assert [run.window.length for run in planned.runs] == [7 * DAY] * 2

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ({"vendor": "acme"}, "vendor='acme' does not exist; use one of"),
            ({"stream": "tickets"}, "stream='tickets' does not exist for Ada"),
            ({"end": day(2025, 1, 1)}, "cannot be used"),
            ({"start": day(2026, 1, 1).replace(tzinfo=None)}, "is not a moment with a time zone"),
            ({"request_window": 60 * DAY}, "request_window=60 days is not accepted by Ada"),
        ],
    )
    def test_what_cannot_be_planned_is_refused(self, arguments, sentence):
        with pytest.raises(ConfigurationError, match=sentence):
            plan(**arguments)


class TestRequests:
    def test_each_request_window_costs_one(self):
        assert [run.requests for run in plan().runs] == [1, 1, 1]
        assert [run.requests for run in plan("agentx").runs] == [7] * 14
        assert [run.requests for run in plan("agentx", request_window=7 * DAY).runs] == [1] * 14

    def test_daily_runs_would_cost_one_each(self):
        assert plan().daily_requests == 3 * 59
        assert plan("agentx").daily_requests == plan("agentx").requests == 14 * 7

    @pytest.mark.parametrize(
        ("days", "duration"),
        [
            (3, timedelta(0)),
            (4, timedelta(seconds=1)),
            (7, timedelta(seconds=2)),
            (301, timedelta(seconds=100)),
        ],
    )
    def test_the_minimum_duration_follows_from_the_limits(self, days, duration):
        """AgentX takes three requests in any second."""
        one_a_day = ExportWindowTimetable("days", size=1)

        planned = plan("agentx", day(2026, 1, 1), day(2026, 1, 1) + days * DAY, timetable=one_a_day)

        assert (planned.requests, planned.min_duration) == (days, duration)

    def test_of_several_limits_the_slowest_counts(self):
        hourly = plan("applied_labs", request_window=HOUR, start=day(2026, 1, 1), end=day(2026, 1, 2))

        assert hourly.requests == 29 * 24
        assert hourly.min_duration == timedelta(minutes=(29 * 24 - 1) // 60)


class TestRetention:
    def test_what_the_vendor_no_longer_keeps_is_said_and_clipped(self):
        planned = plan(start=day(2025, 11, 1), end=day(2026, 1, 1))
        begin = day(2025, 11, 21, 8)

        assert planned.runs[0].kept == Window(begin, planned.runs[0].window.end)
        assert planned.expired == [Window(day(2025, 11, 1), begin)]
        assert (
            "Ada keeps conversations for 365 days; no longer kept and not published: "
            "2025-11-01T00:00:00Z..2025-11-21T08:00:00Z."
        ) in plan_text(planned)
        assert 'on_expired="clip"' in plan_text(planned)
        assert "to export from 2025-11-21T08:00:00Z (what is earlier has expired)" in plan_text(planned)

    def test_a_window_of_which_nothing_is_kept_has_no_run(self):
        planned = plan(start=day(2025, 6, 1), end=day(2026, 1, 1))

        states = [run.state for run in planned.runs]
        assert states == ["expired"] * (len(states) - 2) + ["to export"] * 2
        assert f"--from-date {planned.runs[-2].window.start:%Y-%m-%d}" in shell_commands(planned)[2]

    def test_a_vendor_that_keeps_everything_has_no_such_sentence(self):
        assert "no longer kept" not in plan_text(plan("agentx", day(2020, 1, 1), day(2020, 2, 1)))


class TestPublished:
    def test_published_windows_are_left_out_and_gaps_are_named(self, tmp_path):
        store = local_store(tmp_path)
        second = plan().runs[1].window
        publish(store, second.start, second.end)

        planned = plan(store=store)

        assert [run.state for run in planned.runs] == ["to export", "published", "to export"]
        assert planned.requests == 2
        assert len(shell_commands(planned)) == 4, "a pool, a Dag and two backfills, around what is there"
        text = plan_text(planned)
        assert "Runs: 3; 2 to export, 1 published." in text
        assert f"Published: {second}." in text
        first, last = planned.gaps
        assert first == Window(day(2026, 1, 1), second.start)
        assert last == Window(second.end, day(2026, 4, 1))
        assert f"Gaps in the range asked for: {first}, {last}." in text

    def test_a_window_published_in_part_is_exported_whole(self, tmp_path):
        store = local_store(tmp_path)
        publish(store, day(2026, 2, 1), day(2026, 2, 3))

        planned = plan(store=store)

        assert [run.state for run in planned.runs] == ["to export"] * 3

    def test_if_all_is_published_there_is_nothing_to_do(self, tmp_path):
        store = local_store(tmp_path)
        span = plan().span
        publish(store, span.start, span.end)

        planned = plan(store=store)

        assert shell_commands(planned) == []
        assert plan_text(planned).endswith("There is nothing to do.")
        assert "Gaps in the range asked for: nothing." in plan_text(planned)

    def test_what_is_published_twice_is_named(self, tmp_path):
        store = local_store(tmp_path)
        publish(store, day(2026, 2, 1), day(2026, 2, 3))

        publish(store, day(2026, 2, 2), day(2026, 2, 5), partition_by="interval")

        assert ("Published more than once: 2026-02-02T00:00:00Z..2026-02-03T00:00:00Z.") in plan_text(
            plan(store=store)
        )

    def test_another_streams_destination_is_refused(self, tmp_path):
        store = local_store(tmp_path)
        publish(store, day(2026, 2, 1), day(2026, 2, 2), stream="messages")

        with pytest.raises(
            ConfigurationError, match=r"holds . \(ada messages\), and nothing of Ada conversations"
        ):
            plan(store=store)

    def test_several_datasets_are_refused_unless_one_is_named(self, tmp_path):
        for folder in ("one", "two"):
            publish(local_store(tmp_path / folder), day(2026, 2, 1), day(2026, 2, 2))

        with pytest.raises(ConfigurationError, match=r"holds several datasets .* one \(ada .* two \(ada"):
            plan(store=local_store(tmp_path))

    def test_an_empty_destination_has_everything_to_do(self, tmp_path):
        planned = plan(store=local_store(tmp_path))

        assert planned.published == ()
        assert "Published: nothing." in plan_text(planned)
        assert "Published more than once: nothing." in plan_text(planned)


class TestReading:
    def test_a_plan_for_one_bot_reads_only_its_manifests_around_the_planned_runs(self):
        store = counted_store()
        for number in range(9):
            fill(store, 200, scope={"bot_name": f"bot {number}"}, vendor="agentx")

        planned = plan("agentx", day(2026, 6, 1), day(2026, 6, 29), store=store, scope={"bot_name": "bot 4"})

        assert planned.published == (planned.span,)
        assert planned.span.length == 28 * DAY
        assert store.fs.operations == {"list": 1, "read": 28 + 2 + 3}
        assert all("/bot_name=bot%204/" in path for path in store.fs.read)

    def test_a_dataset_that_has_nothing_around_the_planned_runs_still_counts(self):
        store = counted_store()
        for number in range(2):
            fill(store, 20, folder=f"set{number}", vendor="agentx")

        with pytest.raises(ConfigurationError, match=r"set0 \(agentx conversations\), set1 \(agentx"):
            plan("agentx", day(2026, 10, 1), day(2026, 10, 8), store=store)

        assert store.fs.operations["read"] == 2
