from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock
from uuid import UUID

import pytest
import uuid6

from airflow_provider_convexport.operators.task_identity import task_of

RANDOM = UUID("9f0a8f0e-2d0a-4c5e-8a67-0c2d7ef0b1a2")
"""An id of version 4, which tells no time."""

TASK = SimpleNamespace(task_id="export", dag_id="dag", has_dag=lambda: True)


def order_of(**attributes):
    return task_of({"ti": SimpleNamespace(**attributes)}, TASK).order


def test_tries_are_ordered_by_the_moment_at_which_airflow_created_them():
    first = UUID("01890000-0000-7000-8000-ffffffffffff")
    second = UUID("01890000-0001-7000-8000-000000000000")

    assert order_of(id=second, try_number=1) == order_of(id=first, try_number=3) + 1


def test_an_id_as_text_counts_the_same():
    identity = uuid6.uuid7()

    assert order_of(id=str(identity)) == order_of(id=identity)


@pytest.mark.parametrize("identity", [None, "", "no id", RANDOM, str(RANDOM), 5, MagicMock()])
def test_without_such_an_id_the_number_of_the_try_counts(identity):
    assert order_of(id=identity, try_number=3) == 3


def test_without_a_task_instance_there_is_one_try():
    assert task_of({}, TASK).order == 1
