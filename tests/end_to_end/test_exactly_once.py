"""Every record exactly once, whatever the vendor's ends, pages and links are like."""

from __future__ import annotations

import itertools
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
from tests.support.streams import BY_UPDATE, MIDNIGHT, STREAMS, case_of

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.server import RunningSimulator

COMBINATIONS = list(itertools.product([True, False], [True, False], [0, 4], [True, False]))


@pytest.mark.parametrize(
    ("lower_inclusive", "upper_inclusive", "page_overlap", "absolute_links"), COMBINATIONS
)
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_sixty_daily_runs_and_two_runs_of_thirty_days_publish_the_simulators_records(
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
    start, end = MIDNIGHT - 70 * DAY, MIDNIGHT - 10 * DAY

    for day in range(60):
        export(case, tmp_path / "daily", start + day * DAY, start + (day + 1) * DAY)
    for begin in (start, start + 30 * DAY):
        export(case, tmp_path / "monthly", begin, begin + 30 * DAY)

    expected = truth(simulator, case, start, end)
    assert partitions(tmp_path / "daily") == expected
    assert partitions(tmp_path / "monthly") == expected
    assert not (tmp_path / "daily" / "_staging").exists()


SWITCHES = st.fixed_dictionaries(
    {
        "lower_inclusive": st.booleans(),
        "upper_inclusive": st.booleans(),
        "absolute_links": st.booleans(),
        "page_overlap": st.integers(0, 10),
        "max_page": st.integers(25, 60) | st.none(),
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
    first=st.integers(40, 120),
    cuts=st.sets(st.integers(1, 9)),
    concurrency=st.integers(1, 4),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cut_of_an_interval_into_runs_publishes_the_same_partitions(
    simulator: RunningSimulator, case, switches, first, cuts, concurrency
):
    rest(simulator)
    simulator.update(**switches)
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
