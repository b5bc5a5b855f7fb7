"""What the coverage page calls the states of days, and how it writes numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_convexport.page.extra import utc_text
from airflow_provider_convexport.page.model import is_current

if TYPE_CHECKING:
    from airflow_provider_convexport.page.model import Cell, Dataset, State


class StateWords(NamedTuple):
    """A state's name, the sign that cells show beside its colour, and what it means."""

    name: str
    sign: str
    meaning: str


STATES: dict[State, StateWords] = {
    "published": StateWords("published", "\N{BULLET}", "the day is there as a whole"),
    "empty": StateWords("empty", "0", "the day was exported, and has no records"),
    "unsettled": StateWords(
        "not yet settled", "?", "the vendor may still add records, or the run is not due yet"
    ),
    "late": StateWords("late", "L", "it should be published by now, and no later day is either"),
    "missing": StateWords("missing", "\N{MULTIPLICATION SIGN}", "not published, or not as a whole"),
    "expiring": StateWords(
        "soon forgotten", "9", "not published; the number is the days until the vendor forgets it"
    ),
    "lost": StateWords("forgotten", "-", "not published, and the vendor does not keep it any more"),
    "clipped": StateWords(
        "clipped", "\N{VULGAR FRACTION ONE HALF}", "the vendor no longer kept all of it when it was exported"
    ),
    "failed": StateWords("failed audit", "!", "published, and an audit found that something is missing"),
    "before": StateWords("before the first day", "", "nothing was ever published so early"),
}


def sign_of(cell: Cell) -> str:
    """Return what a cell shows: the days that are left, or the sign of its state."""
    if cell.state == "expiring":
        return str(cell.days_left)
    return STATES[cell.state].sign


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 day``, ``12,345 records``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size_text(size: int | None) -> str:
    """Return a size for people; a dash if it is not known."""
    if size is None:
        return "\N{EN DASH}"
    value, unit = float(size), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, bigger
    return f"{value:,.0f} {unit}" if unit == "B" or value >= 100 else f"{value:,.1f} {unit}"


def sentence_of(cell: Cell, dataset: Dataset) -> str:
    """Return what is to say of a day: its state, its records, and why it is in that state."""
    parts = [STATES[cell.state].name]
    if cell.cover.is_whole or cell.cover.is_partly:
        records = cell.cover.records
        parts.append("an unknown number of records" if records is None else counted(records, "record"))
    if cell.cover.is_partly:
        parts.append("only a part of the day is published")
    if cell.state == "unsettled":
        parts.append(_why_unsettled(cell))
    if cell.days_left is not None:
        parts.append(f"the vendor forgets it in {counted(cell.days_left, 'day')}")
    audit = dataset.audits.get(cell.day.toordinal())
    if audit is not None:
        parts.append(_of_audit(cell, dataset))
    return "; ".join(parts)


def _why_unsettled(cell: Cell) -> str:
    if cell.cover.is_whole:
        return "exported before the vendor had all records"
    return "its export is not due yet"


def _of_audit(cell: Cell, dataset: Dataset) -> str:
    audit = dataset.audits[cell.day.toordinal()]
    found = audit.found
    result = "audit passed" if found.ok else f"audit found {counted(found.gaps, 'gap')}"
    if found.changed:
        result += f" and {counted(found.changed, 'changed record')}"
    if not is_current(audit, cell.cover):
        result += " in an earlier version"
    return f"{result} ({utc_text(audit.at)} UTC)"
