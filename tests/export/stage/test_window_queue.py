from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.stage.window_queue import RequestWindow, WindowQueue
from airflow_provider_convexport.export.window import Window
from tests.support.samples import APRIL_1, DAY, HOUR, days


def test_windows_are_handed_out_in_order_of_time():
    queue = WindowQueue.of(days(3).split(DAY))

    assert queue.waiting == 3
    assert [queue.take().start for _ in range(3)] == [APRIL_1, APRIL_1 + DAY, APRIL_1 + 2 * DAY]
    assert queue.take() is None


def test_a_resumed_queue_hands_out_only_what_is_not_done():
    queue = WindowQueue.of(days(3).split(DAY))
    queue.windows[0].done = True
    queue.windows[1].next_request = PageRequest("/page/7")

    resumed = WindowQueue(msgspec.json.decode(msgspec.json.encode(queue.windows), type=list[RequestWindow]))

    assert resumed.windows == queue.windows
    first, second = resumed.take(), resumed.take()
    assert (first.next_request, second.next_request, resumed.take()) == (PageRequest("/page/7"), None, None)
    assert resumed.windows[2].window == Window(APRIL_1 + 2 * DAY, APRIL_1 + 3 * DAY)


@given(hours=st.integers(1, 80), pieces=st.integers(1, 40))
def test_the_pieces_of_a_cut_cover_all_of_the_window_and_are_next(hours, pieces):
    window = Window(APRIL_1, APRIL_1 + hours * HOUR)
    queue = WindowQueue.of([window, Window(window.end, window.end + DAY)])
    state = queue.take()
    state.next_request = PageRequest("/page/2")

    queue.split(state, pieces=pieces)

    parts = queue.windows[:-1]
    assert parts[0].start == window.start
    assert parts[-1].end == window.end
    assert all(left.end == right.start for left, right in pairwise(parts))
    assert all(part.is_piece and part.next_request is None and not part.done for part in parts)
    assert len(parts) <= pieces
    assert [queue.take() for _ in parts] == parts


def test_a_window_below_a_second_can_be_cut():
    queue = WindowQueue.of([Window(APRIL_1, APRIL_1 + DAY / 86_400_000)])

    queue.split(queue.take(), pieces=4)

    assert len(queue.windows) == 1


def test_forgotten_cursors_leave_done_windows_alone():
    queue = WindowQueue.of(days(2).split(DAY))
    for state in queue.windows:
        state.next_request = PageRequest("/page/2")
    queue.windows[0].done = True

    queue.forget_cursors()

    assert [state.next_request for state in queue.windows] == [PageRequest("/page/2"), None]


def test_progress_is_measured_by_length():
    queue = WindowQueue.of([days(1), Window(APRIL_1 + DAY, APRIL_1 + 4 * DAY)])
    queue.windows[0].done = True

    assert queue.share_done == pytest.approx(0.25)


def test_only_the_windows_that_are_new_or_have_moved_on_are_told_as_changed():
    queue = WindowQueue.of(days(3).split(DAY))
    first, second, third = queue.windows
    assert queue.changed() == [first, second, third]
    assert queue.changed() == []

    queue.advance(second, to=PageRequest("/?cursor=a"), reached=None)
    assert queue.changed() == [second]
    queue.restart(second)
    assert queue.changed() == [second]
    assert second.next_request is None

    queue.advance(first, to=None, reached=5.0)
    queue.advance(third, to=PageRequest("/?cursor=b"), reached=9.0)
    queue.split(third, pieces=2)
    assert queue.changed() == [first, *queue.windows[2:]]
    assert (first.done, first.reached) == (True, 5.0)
