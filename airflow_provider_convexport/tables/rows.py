"""Makes columns of records, as a mapping says.

Records are taken many at a time, because most of the work for a column is the same for all of them: a column
of text is checked at once. Each record is decoded once, and only those of its members that a column needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airflow_provider_convexport.tables.members import Members, Unreadable, decoded, items_of
from airflow_provider_convexport.tables.values import UNCHANGED, Note, kind_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa

    from airflow_provider_convexport.tables.members import Text
    from airflow_provider_convexport.tables.schema import Table
    from airflow_provider_convexport.tables.sources import RecordMapping, Source
    from airflow_provider_convexport.tables.values import Coercion

Columns = list[list[Any]]
"""For each column of a table after `COMMON` its values; JSON text is UTF-8."""
_NULL = type(None)


class _Wanted(NamedTuple):
    """A value that is read of each record.

    :param path: Path of the member.
    :param cell: Name of the column, or of the input of columns of several members.
    :param coercion: What is made of it, unless it is null; ``None`` to leave it as it is.
    """

    path: str
    cell: str
    coercion: Coercion | None


class _Made(NamedTuple):
    """A column of several members.

    :param name: Its name.
    :param value: Makes a value of those of the members.
    :param inputs: The cells that hold these.
    :param note: Counts unexpected shapes.
    """

    name: str
    value: Callable[..., Any]
    inputs: list[str]
    note: Note


class Rows:
    """Makes the columns of records, each of which is one row.

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
        own = groups.pop("")
        notes = {name: _note(drift, name) for name in (*names, "raw")}

        self._members = Members(
            dict.fromkeys((*(each.path for each in own), *groups)),
            raw=mapping.raw | mapping.mixed | set(groups),
            distinct=mapping.distinct,
        )
        self._own = [_Cell(self._members, each.path, each, notes) for each in own]
        self._nested = [_Nested(self._members, name, group, notes) for name, group in groups.items()]
        self._severals = [
            _Made(
                name, _value_of(sources[name]), [f"input {path}" for path in sources[name].paths], notes[name]
            )
            for name in severals
        ]
        self._note_raw = notes["raw"]
        self._names = names

    def columns(self, lines: Sequence[bytes]) -> tuple[Columns, pa.Array]:
        """Return the columns of records, and the records themselves as text."""
        raw = text_of(lines)
        if raw is None:
            lines = [self._as_utf8(line) for line in lines]
            raw = text_of(lines)
        records = self._members.read_all(lines)
        unreadable = [
            (place, record)
            for place, record in enumerate(records)
            if record is None or type(record) is Unreadable
        ]
        for place, record in reversed(unreadable):
            self._note_raw(record)
            del records[place]
        columns = self._columns(records)
        for place, _ in unreadable:
            for column in columns:
                column.insert(place, None)
        return columns, raw

    def _columns(self, records: Sequence[Any]) -> Columns:
        cells = {cell.name: cell.of(records) for cell in self._own}
        for nested in self._nested:
            cells |= nested.of(records)
        for name, value, inputs, note in self._severals:
            members = zip(*(cells[each] for each in inputs), strict=True)
            cells[name] = [value(values, note) for values in members]
        return [cells[name] if name in cells else [None] * len(records) for name in self._names]

    def _as_utf8(self, line: bytes) -> bytes:
        try:
            line.decode()
        except UnicodeDecodeError:
            self._note_raw(Unreadable("invalid UTF-8"))
            return line.decode("utf-8", "replace").encode()
        return line


class _Cell:
    """Reads one member of objects.

    :param members: Reads the objects.
    :param member: Name of the member in them.
    :param wanted: What is made of it.
    :param notes: Counts unexpected shapes, by column.
    """

    def __init__(self, members: Members, member: str, wanted: _Wanted, notes: dict[str, Note]) -> None:
        self.name = wanted.cell
        self._get = members.getter(member)
        self._coercion = wanted.coercion
        self._kept = UNCHANGED.get(wanted.coercion, frozenset()) if wanted.coercion else frozenset()
        self._note = notes.get(wanted.cell, _ignore)

    def of(self, objects: Iterable[Any]) -> list[Any]:
        """Return the column of objects that `Members.read_all` returned, none of which is null.

        What is made of an object that could not be read is what is made of a member that could not be read.
        """
        values = list(map(self._get, objects))
        coercion, note = self._coercion, self._note
        if coercion is None or self._kept.issuperset({*map(type, values)} - {_NULL}):
            return values
        return [None if value is None else coercion(value, note) for value in values]


class _Nested:
    """Reads members of an object that is a member of a record.

    :param outer: Reads the record.
    :param name: Name of the member.
    :param wanted: What is read of it, by path.
    :param notes: Counts unexpected shapes, by column.
    """

    def __init__(self, outer: Members, name: str, wanted: Sequence[_Wanted], notes: dict[str, Note]) -> None:
        names = [each.path.partition(".")[2] for each in wanted]
        self._text = outer.getter(name)
        self._members = Members(dict.fromkeys(names))
        self._cells = [
            _Cell(self._members, member, each, notes) for member, each in zip(names, wanted, strict=True)
        ]

    def of(self, records: Iterable[Any]) -> dict[str, list[Any]]:
        """Return the members' columns; all are unreadable where there is something else than an object."""
        blank, filled = self._members.blank, self._members.filled
        objects = [
            blank if each is None else filled(each) if type(each) is Unreadable else each
            for each in self._members.read_all(list(map(self._text, records)))
        ]
        return {cell.name: cell.of(objects) for cell in self._cells}


class InlineRows:
    """Makes rows of the records that a record has inline, and of the outer record what they lack.

    :param mapping: How the inlined records become rows.
    :param rows: Makes rows of them.
    :param drift: Where values of an unexpected shape are counted.
    """

    def __init__(self, mapping: RecordMapping, rows: Rows, drift: dict[str, Counter[str]]) -> None:
        paths = [source.paths[0] for source in mapping.inherited.values()]
        names = list(mapping.sources)
        self._rows = rows
        self._members = Members({mapping.inline, *paths}, raw=frozenset((mapping.inline,)), exact=True)
        self._inline = self._members.getter(mapping.inline)
        self._inherited = [
            (
                names.index(name),
                self._members.getter(source.paths[0]),
                _value_of(source),
                _note(drift, name),
            )
            for name, source in mapping.inherited.items()
        ]
        self._note = _note(drift, "raw")

    def columns(self, lines: Sequence[bytes]) -> tuple[Columns, pa.Array]:
        """Return the columns of all records that are inlined, and they themselves as text."""
        items: list[bytes] = []
        owners: list[tuple[Any, int, int]] = []
        for record in self._members.read_all(lines):
            start = len(items)
            items += self._items_of(record)
            if len(items) > start:
                owners.append((record, start, len(items)))
        columns, raw = self._rows.columns(items)
        for place, get, coercion, note in self._inherited:
            column = columns[place]
            for record, start, end in owners:
                value = get(record)
                if value is not None and any(each is None for each in column[start:end]):
                    filler = coercion(value, note)
                    column[start:end] = [filler if each is None else each for each in column[start:end]]
        return columns, raw

    def _items_of(self, record: Any) -> list[bytes]:
        """Return the inlined records of a record; none if there is no list of them."""
        if record is None or type(record) is Unreadable:
            self._note(record)
            return []
        text = self._inline(record)
        items = [] if text is None else items_of(text)
        if items is None:
            if bytes(text) != b"null":
                self._note(text)
            return []
        return [bytes(item) for item in items]


def text_of(lines: Sequence[Text]) -> pa.Array | None:
    """Return texts as an Arrow array, which does not decode them; ``None`` if they are not UTF-8."""
    import pyarrow as pa

    try:
        return pa.array(lines, pa.string())
    except pa.ArrowInvalid:
        return None


def _ignore(value: object) -> None:
    del value


def _mixed(value: msgspec.Raw, note: Note) -> Any:
    del note
    return value if bytes(value).startswith(b"{") else decoded(value)


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
