"""Makes rows of records, as a mapping says.

A record is decoded once, and only those of its members that a column needs.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airflow_provider_convexport.tables.members import Members, Unreadable, decoded, items_of
from airflow_provider_convexport.tables.values import Note, kind_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from airflow_provider_convexport.tables.schema import Table
    from airflow_provider_convexport.tables.sources import RecordMapping, Source
    from airflow_provider_convexport.tables.values import Coercion

Row = tuple[object, ...]


class _Wanted(NamedTuple):
    """A value that is read of each record.

    :param path: Path of the member.
    :param cell: Name of the column, or of the input of columns of several members.
    :param coercion: What is made of it, unless it is null; ``None`` to leave it as it is.
    """

    path: str
    cell: str
    coercion: Coercion | None


class Rows:
    """Makes the row of one record.

    :param mapping: How records become rows.
    :param table: The table.
    :param drift: Where values of an unexpected shape are counted.
    """

    def __init__(self, mapping: RecordMapping, table: Table, drift: dict[str, Counter[str]]) -> None:
        names = [column.name for column in table.mapped]
        sources = mapping.sources
        singles = [name for name in names if len(sources[name].paths) == 1]
        severals = [name for name in names if len(sources[name].paths) > 1]
        # What is read of a record: a value for each column of one member, then what the others are made of.
        wanted = [
            _Wanted(sources[name].paths[0], name, _coercion(sources[name], mapping)) for name in singles
        ]
        inputs = dict.fromkeys(path for name in severals for path in sources[name].paths)
        wanted += [
            _Wanted(path, f"input {path}", _mixed if path in mapping.mixed else None) for path in inputs
        ]
        groups = _grouped(wanted)
        ordered = [each for group in groups.values() for each in group]
        own = [each.path for each in groups.pop("")]
        notes = {name: _note(drift, name) for name in (*names, "raw")}

        self._members = Members(
            dict.fromkeys((*own, *groups)),
            raw=mapping.raw | mapping.mixed | set(groups),
            distinct=mapping.distinct,
        )
        self._own = self._members.getter(own)
        self._nested = [_Nested(self._members, name, group) for name, group in groups.items()]
        self._coercions = [(each.coercion, notes.get(each.cell, _ignore)) for each in ordered]
        cells = [each.cell for each in ordered]
        self._severals = [
            (
                _value_of(sources[name]),
                itemgetter(*(cells.index(f"input {path}") for path in sources[name].paths)),
                notes[name],
            )
            for name in severals
        ]
        self._note_raw = notes["raw"]
        cells += [*severals, "raw", "nothing"]
        self._order = itemgetter(
            *(cells.index(name if name in cells else "nothing") for name in (*names, "raw"))
        )
        self._width = len(names)

    def __call__(self, line: bytes | msgspec.Raw) -> Row:
        """Return the row of a record."""
        record = self._members.read(line)
        try:
            raw = str(line, "utf-8")
        except UnicodeDecodeError:
            raw = self._replaced(line)
        if record is None or type(record) is Unreadable:
            self._note_raw(record)
            return (*(None,) * self._width, raw)
        values = self._own(record)
        for nested in self._nested:
            values += nested(record)
        cells = [
            value if value is None or coercion is None else coercion(value, note)
            for value, (coercion, note) in zip(values, self._coercions, strict=True)
        ]
        cells += [value(pick(cells), note) for value, pick, note in self._severals]
        cells += (raw, None)
        row: Row = self._order(cells)
        return row

    def _replaced(self, line: bytes | msgspec.Raw) -> str:
        self._note_raw(Unreadable("invalid UTF-8"))
        return str(line, "utf-8", "replace")


class _Nested:
    """Reads members of an object that is a member of a record.

    :param outer: Reads the record.
    :param name: Name of the member.
    :param wanted: What is read of it, by path.
    """

    def __init__(self, outer: Members, name: str, wanted: Sequence[_Wanted]) -> None:
        names = [each.path.partition(".")[2] for each in wanted]
        self._text = outer.getter([name])
        self._members = Members(dict.fromkeys(names))
        self._pick = self._members.getter(names)
        self._blank = (None,) * len(names)

    def __call__(self, record: object) -> tuple[Any, ...]:
        """Return the members' values; all of them are unreadable if it is something else than an object."""
        (text,) = self._text(record)
        found = None if text is None else self._members.read(text)
        if found is None:
            return self._blank
        return (found,) * len(self._blank) if type(found) is Unreadable else self._pick(found)


class InlineRows:
    """Makes rows of the records that a record has inline, and of the outer record what they lack.

    :param mapping: How the inlined records become rows.
    :param row: Makes the row of one of them.
    :param drift: Where values of an unexpected shape are counted.
    """

    def __init__(self, mapping: RecordMapping, row: Rows, drift: dict[str, Counter[str]]) -> None:
        paths = [source.paths[0] for source in mapping.inherited.values()]
        names = list(mapping.sources)
        self._row = row
        self._members = Members({mapping.inline, *paths}, raw=frozenset((mapping.inline,)), exact=True)
        self._pick = self._members.getter([mapping.inline, *paths])
        self._inherited = [
            (names.index(name), _value_of(source), _note(drift, name))
            for name, source in mapping.inherited.items()
        ]
        self._note = _note(drift, "raw")

    def __call__(self, line: bytes) -> list[Row]:
        """Return the rows of all inlined records; none if there is no list of them."""
        record = self._members.read(line)
        if record is None or type(record) is Unreadable:
            self._note(record)
            return []
        text, *outer = self._pick(record)
        items = [] if text is None else items_of(text)
        if items is None:
            if bytes(text) != b"null":
                self._note(text)
            return []
        rows = [self._row(item) for item in items]
        for (place, coercion, note), value in zip(self._inherited, outer, strict=True):
            if value is not None and any(row[place] is None for row in rows):
                filler = coercion(value, note)
                rows = [row if row[place] is not None else _with(row, place, filler) for row in rows]
        return rows


def _with(row: Row, place: int, value: object) -> Row:
    return (*row[:place], value, *row[place + 1 :])


def _ignore(value: object) -> None:
    del value


def _mixed(value: msgspec.Raw, note: Note) -> Any:
    del note
    return value if bytes(memoryview(value)[:1]) == b"{" else decoded(value)


def _coercion(source: Source, mapping: RecordMapping) -> Coercion:
    coercion = _value_of(source)
    if source.paths[0] not in mapping.distinct:
        return coercion
    return lambda value, note: None if value is msgspec.UNSET else coercion(value, note)


def _value_of(source: Source) -> Callable[..., Any]:
    assert source.value is not None  # noqa: S101 - only a source without a path has none
    return source.value


def _grouped(wanted: Sequence[_Wanted]) -> dict[str, list[_Wanted]]:
    """Return what is wanted by the object that holds it: first, as ``""``, the record itself."""
    groups: dict[str, list[_Wanted]] = {"": []}
    for each in wanted:
        outer, dot, _ = each.path.partition(".")
        groups.setdefault(outer if dot else "", []).append(each)
    return groups


def _note(drift: dict[str, Counter[str]], column: str) -> Note:
    def note(value: object) -> None:
        drift[column][kind_of(value)] += 1

    return note
