from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.export.stage.window_queue import Frontier, WindowState
from airflow_provider_convexport.export.window import Window
from tests.support.samples import APRIL_1, DAY, HOUR, days


def test_windows_are_handed_out_in_order_of_time():
    frontier = Frontier.of(days(3).split(DAY))

    assert frontier.waiting == 3
    assert [frontier.take().start for _ in range(3)] == [APRIL_1, APRIL_1 + DAY, APRIL_1 + 2 * DAY]
    assert frontier.take() is None


def test_a_resumed_frontier_hands_out_only_what_is_not_done():
    frontier = Frontier.of(days(3).split(DAY))
    frontier.states[0].done = True
    frontier.states[1].url = "/page/7"

    resumed = Frontier(msgspec.json.decode(msgspec.json.encode(frontier.states), type=list[WindowState]))

    assert resumed.states == frontier.states
    assert [resumed.take().url, resumed.take().url, resumed.take()] == ["/page/7", None, None]
    assert resumed.states[2].window == Window(APRIL_1 + 2 * DAY, APRIL_1 + 3 * DAY)


@given(hours=st.integers(1, 80), pieces=st.integers(1, 40))
def test_the_pieces_of_a_cut_cover_all_of_the_window_and_are_next(hours, pieces):
    window = Window(APRIL_1, APRIL_1 + hours * HOUR)
    frontier = Frontier.of([window, Window(window.end, window.end + DAY)])
    state = frontier.take()
    state.url = "/page/2"

    frontier.cut(state, pieces=pieces)

    parts = frontier.states[:-1]
    assert parts[0].start == window.start
    assert parts[-1].end == window.end
    assert all(left.end == right.start for left, right in pairwise(parts))
    assert all(part.is_piece and part.url is None and not part.done for part in parts)
    assert len(parts) <= pieces
    assert [frontier.take() for _ in parts] == parts


def test_a_window_below_a_second_can_be_cut():
    frontier = Frontier.of([Window(APRIL_1, APRIL_1 + DAY / 86_400_000)])

    frontier.cut(frontier.take(), pieces=4)

    assert len(frontier.states) == 1


def test_forgotten_cursors_leave_done_windows_alone():
    frontier = Frontier.of(days(2).split(DAY))
    for state in frontier.states:
        state.url = "/page/2"
    frontier.states[0].done = True

    frontier.forget_cursors()

    assert [state.url for state in frontier.states] == ["/page/2", None]


def test_progress_is_measured_by_length():
    frontier = Frontier.of([days(1), Window(APRIL_1 + DAY, APRIL_1 + 4 * DAY)])
    frontier.states[0].done = True

    assert frontier.share_done == pytest.approx(0.25)
