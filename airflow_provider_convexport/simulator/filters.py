"""Filters on conversations by exact values: ``NAME=VALUE``, or ``NAME__in=VALUE,VALUE`` for several."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_convexport.simulator.dataset import Conversation


def exact_filter(
    params: Mapping[str, str],
    *,
    fields: Mapping[str, Callable[[Conversation], str | None]],
    check: Callable[[str, str], None],
) -> Callable[[Conversation], bool] | None:
    """Return a function that applies all filters among the parameters, or ``None`` if there are none.

    :param params: The parameters of the request; those that are no filters are ignored.
    :param fields: For each field that can be filtered, the function that reads it.
    :param check: Called with the parameter and each of its values; raises the vendor's error for bad values.
    """
    tests: list[tuple[Callable[[Conversation], str | None], frozenset[str]]] = []
    for name, text in params.items():
        field, _, operator = name.partition("__")
        if field not in fields or operator not in {"", "in"}:
            continue
        wanted = text.split(",") if operator else [text]
        for value in wanted:
            check(name, value)
        tests.append((fields[field], frozenset(wanted)))
    return (lambda conversation: all(read(conversation) in want for read, want in tests)) if tests else None
