"""Every record exactly once, whatever the vendor's ends, pages and links are like."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_convexport.export.stage.tuning import Tuning
from tests.support.exports import export
from tests.support.published import partitions, truth
from tests.support.samples import DAY
from tests.support.simulators import rest
from tests.support.streams import BY_UPDATE, MIDNIGHT, STREAMS, Case, case_of

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.server import RunningSimulator

COMBINATIONS = list(itertools.product([True, False], [True, False], [0, 4], [True, False]))


def combinations(*, quick: int) -> list:
    """Return all combinations, of which one half is slow; in each half all combinations of any three occur.

    :param quick: The half that is not slow: those with an even (0) or odd (1) number of switches on.
    """
    return [
        pytest.param(*each, marks=[pytest.mark.slow] if sum(map(bool, each)) % 2 != quick else [])
        for each in COMBINATIONS
    ]


@pytest.mark.parametrize(
    ("lower_inclusive", "upper_inclusive", "page_overlap", "absolute_links"), combinations(quick=0)
)
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_twenty_daily_runs_and_two_runs_of_ten_days_publish_the_simulators_records(
    simulator: RunningSimulator,
    tmp_path: Path,
    case,
    lower_inclusive,
    upper_inclusive,
    page_overlap,
    absolute_links,
):
    simulator.update(
        lower_inclusive=lower_inclusive,
        upper_inclusive=upper_inclusive,
        page_overlap=page_overlap,
        absolute_links=absolute_links,
        max_page=25,
    )
    start, end = MIDNIGHT - 30 * DAY, MIDNIGHT - 10 * DAY

    for day in range(20):
        export(case, tmp_path / "daily", start + day * DAY, start + (day + 1) * DAY)
    for begin in (start, start + 10 * DAY):
        export(case, tmp_path / "ten_days", begin, begin + 10 * DAY)

    expected = truth(simulator, case, start, end)
    assert partitions(tmp_path / "daily") == expected
    assert partitions(tmp_path / "ten_days") == expected
    assert not (tmp_path / "daily" / "_staging").exists()


NOON = MIDNIGHT - 40 * DAY + DAY / 2
TIES = 3
SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
OFFSETS = [-SECOND, -MICROSECOND, timedelta(0), MICROSECOND, SECOND]
"""Ends of runs, before and after noon and midnight. Records are at noon, at midnight, and around midnight."""
READINGS = [
    *(pytest.param(case, {}, id=str(case)) for case in (*STREAMS, *BY_UPDATE)),
    pytest.param(
        replace(case_of("agentx"), truth_on="lastActionAt"),
        {"agentx_conversation_filter": "lastActionAt"},
        id="agentx-conversations-by-lastActionAt",
    ),
]


def smallest_page(case: Case, *, ties: int, page_overlap: int) -> int:
    """Return the smallest page with which a vendor's pages can advance.

    Ada's next link moves the lower bound: a page has to hold all records of one instant, those that the next
    page repeats, and one that comes later. A cursor advances with pages of one record.
    """
    return ties + page_overlap + 1 if case.vendor == "ada" else 1


@pytest.mark.parametrize(
    ("lower_inclusive", "upper_inclusive", "page_overlap", "absolute_links"), combinations(quick=1)
)
@pytest.mark.parametrize(("case", "reading"), READINGS)
def test_wherever_pages_and_runs_end_among_records_of_one_instant_each_is_published_once(
    simulator: RunningSimulator,
    tmp_path: Path,
    case,
    reading,
    lower_inclusive,
    upper_inclusive,
    page_overlap,
    absolute_links,
):
    simulator.update(
        lower_inclusive=lower_inclusive,
        upper_inclusive=upper_inclusive,
        page_overlap=page_overlap,
        absolute_links=absolute_links,
        ties=TIES,
        records=3_000,
        **reading,
    )

    def publishes_its_records(start: datetime, end: datetime, max_page: int, concurrency: int = 1) -> None:
        simulator.update(max_page=max_page)
        folder = tmp_path / f"{start:%d-%H%M%S%f}-{end:%d-%H%M%S%f}-{max_page}"
        export(case, folder, start, end, partition_by="interval", concurrency=concurrency)
        (published,) = partitions(folder).values()
        assert published == sorted(records(start, end))

    def records(start: datetime, end: datetime) -> list[bytes]:
        return simulator.truth(case.vendor, case.stream, start, end, window_on=case.truth_on)

    smallest = smallest_page(case, ties=TIES, page_overlap=page_overlap)
    for number, offset in enumerate(OFFSETS):
        for start in (NOON - DAY / 2 + offset, NOON + offset):
            publishes_its_records(start, start + DAY / 2, smallest + number, concurrency=2 if offset else 1)

    noons_and_midnights = [NOON + half_days * DAY / 2 for half_days in range(16)]
    crowd = max(noons_and_midnights, key=lambda each: len(records(each - SECOND, each + SECOND)))
    starts = (crowd - half_days * DAY / 2 - DAY / 8 for half_days in itertools.count(1))
    start = next(each for each in starts if len(records(each, crowd - SECOND)) >= smallest)
    before = len(records(start - SECOND, crowd - SECOND))
    together = len(records(crowd - SECOND, crowd + 2 * SECOND))
    assert together >= 2
    for size in range(before, before + together + 1):
        publishes_its_records(start, crowd + DAY / 4, size)


SWITCHES = st.fixed_dictionaries(
    {
        "lower_inclusive": st.booleans(),
        "upper_inclusive": st.booleans(),
        "absolute_links": st.booleans(),
        "page_overlap": st.integers(0, 10),
        "empty_pages": st.sampled_from([0, 2, 3]),
        "ties": st.sampled_from([0, 9]),
        "pretty": st.booleans(),
        "shuffle": st.booleans(),
        "ada_list_key": st.sampled_from(["data", "items"]),
    }
)


@pytest.mark.parametrize("case", [*STREAMS, *BY_UPDATE], ids=str)
@given(
    switches=SWITCHES,
    spare=st.integers(0, 40) | st.none(),
    first=st.integers(40, 120),
    cuts=st.sets(st.integers(1, 9)),
    concurrency=st.integers(1, 4),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cut_of_an_interval_into_runs_publishes_the_same_partitions(
    simulator: RunningSimulator, case, switches, spare, first, cuts, concurrency
):
    rest(simulator)
    together = max(switches["ties"], len(OFFSETS))
    smallest = smallest_page(case, ties=together, page_overlap=switches["page_overlap"])
    simulator.update(max_page=None if spare is None else smallest + spare, **switches)
    start = MIDNIGHT - first * DAY
    ends = [0, *sorted(cuts), 10]

    with TemporaryDirectory() as folder:
        for begin, end in itertools.pairwise(ends):
            export(case, Path(folder), start + begin * DAY, start + end * DAY, concurrency=concurrency)

        assert partitions(Path(folder)) == truth(simulator, case, start, start + 10 * DAY)


def test_duplicates_are_found_even_when_their_first_copy_was_forgotten(simulator, tmp_path):
    case = case_of("agentx")
    simulator.update(shuffle=True, page_overlap=5, max_page=17, upper_inclusive=True)
    start = MIDNIGHT - 40 * DAY

    tuning = Tuning(remembered_ids=20)
    facts = export(case, tmp_path, start, start + 20 * DAY, concurrency=3, tuning=tuning)

    expected = truth(simulator, case, start, start + 20 * DAY)
    assert partitions(tmp_path) == expected
    assert facts["records"] == sum(map(len, expected.values()))


@pytest.mark.parametrize("length", [DAY / 3, 7 * DAY, 29 * DAY])
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_whatever_the_span_of_one_request_the_records_are_the_same(simulator, tmp_path, case, length):
    start, end = MIDNIGHT - 40 * DAY, MIDNIGHT - 11 * DAY
    simulator.update(records=300, seams=False)

    export(case, tmp_path / "first", start, end)  # finds out what the vendor does not say

    facts = export(case, tmp_path / "cut", start, end, request_window=length)

    assert partitions(tmp_path / "cut") == truth(simulator, case, start, end)
    assert facts["requests"] == -(-(end - start) // length)


@pytest.mark.parametrize("lower_inclusive", [True, False])
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_records_of_one_instant_on_two_pages_are_all_published(simulator, tmp_path, case, lower_inclusive):
    """Twelve conversations begin at noon; with one of these sizes a page ends among them."""
    start = MIDNIGHT - 40 * DAY
    simulator.update(lower_inclusive=lower_inclusive, ties=12)
    expected = truth(simulator, case, start, start + DAY)
    assert expected

    for size in range(16, 28):
        simulator.update(max_page=size)
        export(case, tmp_path, start, start + DAY, concurrency=1, run_id=str(size))
        assert partitions(tmp_path) == expected
