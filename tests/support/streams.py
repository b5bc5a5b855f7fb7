"""What the tables of tests range over: every stream of every vendor that the provider registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module

from airflow_provider_convexport.export.fetch.stream import Stream
from airflow_provider_convexport.hooks import vendors as registry
from airflow_provider_convexport.hooks.base import ExportHook
from airflow_provider_convexport.hooks.vendors import hook_of, stream_of, vendors
from airflow_provider_convexport.operators.base import ExportOperator
from tests.support.samples import DAY

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = MIDNIGHT - DAY


@dataclass(frozen=True)
class Case:
    """One stream and what it is exported with.

    :param vendor: The vendor's machine name.
    :param stream: The stream's name.
    :param operator: The vendor's operator.
    :param window_on: Which of the stream's times decides; its first one if ``None``.
    :param truth_on: The record's field of that time; the time of creation if ``None``.
    """

    vendor: str
    stream: str
    operator: type[ExportOperator]
    window_on: str | None = None
    truth_on: str | None = None

    def __str__(self) -> str:
        return "-".join(filter(None, (self.vendor, self.stream, self.window_on)))

    @property
    def definition(self) -> Stream:
        """What the package knows of the stream."""
        return stream_of(self.vendor, self.stream)

    def with_hook(self, adjust: Callable[[ExportHook], None]) -> Case:
        """Return the same case whose operator adjusts its hook before use."""

        class Adjusted(self.operator):
            @property
            def hook(self) -> ExportHook:
                hook = super().hook
                adjust(hook)
                return hook

        return replace(self, operator=Adjusted)


def operator_of(vendor: str) -> type[ExportOperator]:
    """Return a vendor's operator: the one that takes the vendor's connection."""
    argument = hook_of(vendor).conn_name_attr
    (operator,) = {each for each in _operators() if argument in each.template_fields}
    return operator


def cases_of(vendor: str) -> list[Case]:
    """Return a vendor's streams, each by its own first time."""
    return [Case(vendor, name, operator_of(vendor)) for name in hook_of(vendor).streams]


def cases_by_update(vendor: str) -> list[Case]:
    """Return a vendor's streams by each further time that they can be selected by.

    Where the vendor does not say which time its window selects by, only the right one can be asked for.
    """
    return [
        Case(vendor, name, operator_of(vendor), window_on, field)
        for name, stream in hook_of(vendor).streams.items()
        for window_on, field in list(stream.time_fields.items())[1:]
        if not stream.window_undecided
    ]


def case_of(vendor: str, stream: str = "conversations") -> Case:
    """Return one of a vendor's streams."""
    (case,) = [case for case in cases_of(vendor) if case.stream == stream]
    return case


def _operators() -> Iterator[type[ExportOperator]]:
    for entry in registry.get_provider_info()["operators"]:
        for name in entry["python-modules"]:
            for value in vars(import_module(name)).values():
                if isinstance(value, type) and issubclass(value, ExportOperator):
                    yield value


STREAMS = [case for vendor in vendors() for case in cases_of(vendor)]
BY_UPDATE = [case for vendor in vendors() for case in cases_by_update(vendor)]
