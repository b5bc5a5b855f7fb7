"""What a column is made of, and what a vendor's mapping is.

A mapping is data: for each column the members of a record that it is made of, a pure function of their
values, and words for the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_convexport.tables.values import Coercion, Note


@dataclass(frozen=True, slots=True)
class Source:
    """What one column is made of.

    :param words: The source in words, for the documentation.
    :param paths: Members of the record, such as ``"locale"``, or ``"outMsg.steps"`` for one of an object in
        it.
    :param value: With one path a `Coercion`, which is not called for null. With several a function of all
        their values, any of which may be null, and of ``note``. Without a path the column is always null.
    """

    words: str
    paths: tuple[str, ...] = ()
    value: Callable[..., Any] | None = None


def one(path: str, coercion: Coercion, words: str = "") -> Source:
    """Return the source of a column that one member gives; unless said otherwise it is named by its path."""
    return Source(words or f"`{path}`", (path,), coercion)


def first(*paths: str, coercion: Coercion, words: str) -> Source:
    """Return the source of a column that the first member gives whose value is usable."""

    def usable(values: Sequence[Any], note: Note) -> Any:
        found = (coercion(value, note) for value in values if value is not None)
        return next((value for value in found if value is not None), None)

    return Source(words, paths, usable)


def several(*paths: str, value: Callable[..., Any], words: str) -> Source:
    """Return the source of a column that a function of several members gives."""
    return Source(words, paths, value)


def nothing(words: str = "none") -> Source:
    """Return the source of a column for which the vendor has nothing."""
    return Source(words)


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """How records of one stream become rows of one table.

    :param sources: The source of each column of the table but the common ones and ``raw``.
    :param raw: Members that stay JSON text, as `msgspec.Raw`; so does each object whose members are read.
    :param mixed: Members that stay JSON text if they are an object, and are decoded otherwise.
    :param distinct: Members that are `msgspec.UNSET` where they are missing, and not null.
    :param inline: Name of the member that is the list of the table's records; the record itself if empty.
    :param inherited: For columns that an inlined record leaves null, the source in the outer record that
        fills them; it has one path.
    """

    sources: Mapping[str, Source]
    raw: frozenset[str] = frozenset()
    mixed: frozenset[str] = frozenset()
    distinct: frozenset[str] = frozenset()
    inline: str = ""
    inherited: Mapping[str, Source] = field(default_factory=dict)


Mappings = Mapping[str, Mapping[str, RecordMapping]]
"""A vendor's ``TABLES``: by stream and by table how its records become rows."""
