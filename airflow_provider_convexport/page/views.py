"""What the templates show: the overview of all datasets, and the page of one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from airflow_provider_convexport.page.catalog import due_until, title_of
from airflow_provider_convexport.page.cover import cover_of
from airflow_provider_convexport.page.gaps import gaps_of
from airflow_provider_convexport.page.model import DAY, PROBLEMS, cells
from airflow_provider_convexport.page.words import STATES, counted, sentence_of, sign_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_convexport.page.catalog import Catalog
    from airflow_provider_convexport.page.cover import Piece
    from airflow_provider_convexport.page.gaps import Gap
    from airflow_provider_convexport.page.model import Cell, Dataset, State

WEEKS = 13
"""Weeks of the overview's calendars."""
_NAMED = 3
_BAR, _BARS_HEIGHT = 8, 96
"""Width of a day's bar and height of the highest one, in the units of the drawing."""


class Mark(NamedTuple):
    """A cell of a calendar: the state's name in style sheets, the sign, and a sentence."""

    state: str
    sign: str
    title: str


class Row(NamedTuple):
    """A weekday of a calendar, with the cells of its days as HTML."""

    name: str
    html: Markup


class Card(NamedTuple):
    """A dataset of the overview."""

    id: str
    title: str
    scope: str
    dataset: str
    weeks: list[date]
    rows: list[Row]
    summary: str
    problems: list[str]
    urgency: int
    last_at: float
    is_paused: bool


class Bar(NamedTuple):
    """A day's bar in the drawing of records."""

    x: int
    y: float
    height: float
    state: str
    title: str


class DayLine(NamedTuple):
    """A day in the table of a dataset's page; its commits are the newest first."""

    cell: Cell
    sentence: str
    pieces: list[Piece]


class Detail(NamedTuple):
    """The page of a dataset."""

    id: str
    title: str
    dataset: Dataset
    scope: str
    calendar: Card
    bars: list[Bar]
    bars_width: int
    most: int
    lines: list[DayLine]
    gaps: list[Gap]
    feeds: list[tuple[str, str, str, bool]]
    totals: dict[str, str]


def today_of(now: float) -> int:
    """Return the number of the UTC day that holds a moment."""
    return datetime.fromtimestamp(now, UTC).toordinal()


def first_shown(now: float, weeks: int = WEEKS) -> int:
    """Return the number of the Monday with which calendars begin."""
    today = today_of(now)
    return today - (today - 1) % 7 - 7 * (weeks - 1)


def overview(catalog: Catalog, *, now: float) -> list[Card]:
    """Return all datasets, those with the most urgent problems first."""
    first = first_shown(now)
    cards = [
        _card(name, dataset, _calendar(catalog, name, first, now), first, catalog)
        for name, dataset in catalog.datasets.items()
    ]
    return sorted(cards, key=lambda card: (card.urgency, card.title, card.scope, card.dataset))


def detail(catalog: Catalog, name: str, *, now: float, days: int) -> Detail:
    """Return the page of a dataset.

    :param name: The dataset's id.
    :param days: How many days it shows.
    :raises KeyError: if there is no such dataset.
    """
    dataset = catalog.datasets[name]
    feeds = catalog.feeds.get(name, [])
    today = today_of(now)
    monday = today - days + 1
    monday -= (monday - 1) % 7
    calendar = _calendar(catalog, name, monday, now)
    shown = [cell for cell in calendar if cell.state != "before"]
    records = [cell.cover.records or 0 for cell in shown]
    bars, width = _bars(shown, dataset)
    return Detail(
        id=name,
        title=_title(dataset),
        dataset=dataset,
        scope=_scope(dataset),
        calendar=_card(name, dataset, calendar, monday, catalog),
        bars=bars,
        bars_width=width,
        most=max(records, default=0),
        lines=[_line(cell, dataset) for cell in reversed(shown)],
        gaps=gaps_of(dataset, calendar, feeds),
        feeds=[
            (source.dag_id, source.task_id, source.schedule, source.is_paused)
            for source, _ in reversed(feeds)
        ],
        totals={
            "records": f"{sum(records):,}",
            "days with records": f"{sum(1 for each in records if each):,}",
        },
    )


def _calendar(catalog: Catalog, name: str, first: int, now: float) -> list[Cell]:
    dataset, feeds = catalog.datasets[name], catalog.feeds.get(name, [])
    known = min((source.first_at for source, _ in feeds), default=None)
    since = first if known is not None and known < (first - date(1970, 1, 1).toordinal()) * DAY else None
    days = range(first, dataset.day_of(now) + 1)
    return cells(dataset, days, now=now, since=since, due=due_until(feeds))


def _card(name: str, dataset: Dataset, calendar: Sequence[Cell], first: int, catalog: Catalog) -> Card:
    weeks = (len(calendar) + 6) // 7
    marks: list[Mark | None] = [
        None if cell.state == "before" else Mark(cell.state, sign_of(cell), _text(cell, dataset))
        for cell in calendar
    ]
    marks += [None] * (7 * weeks - len(marks))
    counts = Counter(cell.state for cell in calendar)
    urgency = next((place for place, state in enumerate(PROBLEMS) if counts[state]), len(PROBLEMS))
    feeds = catalog.feeds.get(name, [])
    return Card(
        id=name,
        title=_title(dataset),
        scope=_scope(dataset),
        dataset=dataset.key.dataset,
        weeks=[date.fromordinal(first + 7 * week) for week in range(weeks)],
        rows=[Row(day, _row(marks[number::7])) for number, day in enumerate(_WEEKDAYS)],
        summary=_summary(counts),
        problems=[_problem(calendar, state) for state in PROBLEMS if counts[state]],
        urgency=urgency,
        last_at=max((source.last_at for source, _ in feeds), default=0.0),
        is_paused=bool(feeds) and all(source.is_paused for source, _ in feeds),
    )


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _text(cell: Cell, dataset: Dataset) -> str:
    if cell.state == "published" and cell.cover.records is not None and not dataset.audits:
        return f"{cell.day}: {cell.cover.records:,} records"  # most cells; made quickly
    return f"{cell.day}: {sentence_of(cell, dataset)}"


def _row(marks: Sequence[Mark | None]) -> Markup:
    """Return the cells of a row; there are many, and a template would take three times as long for them."""
    cells_of_row = (
        "<td></td>"
        if mark is None
        else f'<td class="s {mark.state}" title="{escape(mark.title)}">{escape(mark.sign)}</td>'
        for mark in marks
    )
    return Markup("".join(cells_of_row))  # noqa: S704 - made of escaped parts only


def _summary(counts: Counter[State]) -> str:
    named = [
        f"{counts[state]} {words.name}"
        for state, words in STATES.items()
        if state != "before" and counts[state]
    ]
    return ", ".join(named) or "nothing published in this time"


def _problem(calendar: Sequence[Cell], state: State) -> str:
    days = [cell for cell in calendar if cell.state == state]
    named = ", ".join(f"{cell.day}" for cell in days[:_NAMED])
    more = f" and {len(days) - _NAMED} more" if len(days) > _NAMED else ""
    left = min((cell.days_left for cell in days if cell.days_left is not None), default=None)
    until = f"; {counted(left, 'day')} left" if state == "expiring" and left is not None else ""
    return f"{STATES[state].name}: {named}{more}{until}"


def _title(dataset: Dataset) -> str:
    by = f" by {dataset.window_on}" if dataset.window_on else ""
    return f"{title_of(dataset.key.vendor)} {dataset.key.stream}{by}"


def _scope(dataset: Dataset) -> str:
    return ", ".join(f"{name} {value}" for name, value in dataset.key.scope)


def _line(cell: Cell, dataset: Dataset) -> DayLine:
    pieces = dataset.days.get(cell.day.toordinal(), [])
    return DayLine(cell, sentence_of(cell, dataset), _by_event(pieces, dataset, cell.day))


def _by_event(pieces: Sequence[Piece], dataset: Dataset, day: date) -> list[Piece]:
    """Return one piece for each event, the newest first; hours of one event are added up."""
    start, end = dataset.bounds(day.toordinal())
    found: list[Piece] = []
    by_event: dict[int, list[Piece]] = {}
    for piece in pieces:
        by_event.setdefault(piece.commit.event, []).append(piece)
    for parts in by_event.values():
        cover = cover_of(parts, start, end)
        found.append(parts[-1]._replace(records=cover.records, size=cover.size))
    return found[::-1]


def _bars(shown: Sequence[Cell], dataset: Dataset) -> tuple[list[Bar], int]:
    most = max((cell.cover.records or 0 for cell in shown), default=0)
    return list(_each_bar(shown, dataset, most)), max(_BAR * len(shown), 1)


def _each_bar(shown: Sequence[Cell], dataset: Dataset, most: int) -> Iterator[Bar]:
    for place, cell in enumerate(shown):
        records = cell.cover.records or 0
        height = round(_BARS_HEIGHT * records / most, 1) if most else 0.0
        if not height and cell.state in PROBLEMS:
            height = 4.0  # a stub in the colour of the problem
        yield Bar(_BAR * place, _BARS_HEIGHT - height, height, cell.state, _text(cell, dataset))
