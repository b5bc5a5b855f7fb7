"""The export operators that a task of a Dag stands for: one, or one for each item that it is mapped over."""

from __future__ import annotations

import inspect
import itertools
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_convexport.operators.base import ExportOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def operators_of(task: Any) -> Iterator[tuple[ExportOperator, str, bool]]:
    """Yield the export operators of a task, each with a label and whether all of them are known.

    :param task: A task of a Dag, of any kind.
    """
    if isinstance(task, ExportOperator):
        yield task, task.task_id, True
        return
    kind = getattr(task, "operator_class", None)
    if not (isinstance(kind, type) and issubclass(kind, ExportOperator)):
        return
    items, is_complete = _items(task)
    for item in items:
        names = ", ".join(str(value) for value in item.values())
        label = f"{task.task_id}[{names}]" if item else f"{task.task_id}[...]"
        yield _operator(kind, task.task_id, {**task.partial_kwargs, **item}), label, is_complete


def _items(task: Any) -> tuple[list[dict[str, Any]], bool]:
    """Return the arguments of each item, and whether these are all; other tasks may make them in a run."""
    value = task._get_specified_expand_input().value
    if isinstance(value, dict) and all(isinstance(each, list | tuple) for each in value.values()):
        return [dict(zip(value, each, strict=True)) for each in itertools.product(*value.values())], True
    if isinstance(value, list | tuple) and all(isinstance(each, dict) for each in value):
        return [dict(each) for each in value], True
    return [{}], False


def _operator(kind: type[ExportOperator], task_id: str, arguments: Mapping[str, Any]) -> ExportOperator:
    """Return an operator outside of any Dag, with those arguments that say what it exports."""
    own = {
        name
        for each in kind.__mro__
        if issubclass(each, ExportOperator)
        for name in inspect.signature(each.__init__).parameters
    }
    usual = set(inspect.signature(BaseOperator.__init__).parameters)
    kept = {
        name: value for name, value in arguments.items() if name in own - usual or name in {"pool", "retries"}
    }
    return kind(task_id=task_id, **kept)
