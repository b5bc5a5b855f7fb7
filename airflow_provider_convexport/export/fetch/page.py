"""A page: one response, divided into raw records; only ids, times and the next link are decoded."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_convexport.errors import IncompleteExportError
from airflow_provider_convexport.export.fetch.moment import moments_of
from airflow_provider_convexport.export.fetch.surrogates import mask, unmask, unmask_id

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHUNK = 2**12
"""Bytes of a body that are checked at a time; larger pieces fragment the memory (64 KiB: 85 MiB more)."""


class MalformedAnswerError(ValueError):
    """The body is not a complete JSON document; sending the request again may help.

    :param reason: What the body is instead, such as ``"not UTF-8"``.
    """

    def __init__(self, reason: str = "not complete JSON") -> None:
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one response, in the vendor's order; the three lists have one entry for each record.

    :param raws: The records' bytes, as views into the response's body.
    :param ids: The records' ids.
    :param moments: The records' times as epoch seconds, ``None`` for a record without a valid time.
    :param link: Next link or cursor; ``None`` if the response has none.
    :param is_last: Whether the response says that no page follows.
    :param first: Earliest of the times; ``None`` if there is none.
    :param last: Latest of the times, likewise.
    :param is_dated: Whether every record has a valid time.
    """

    raws: Sequence[msgspec.Raw]
    ids: Sequence[str]
    moments: Sequence[float | None]
    link: str | None = None
    is_last: bool = False
    first: float | None = field(init=False)
    last: float | None = field(init=False)
    is_dated: bool = field(init=False)

    def __post_init__(self) -> None:
        is_dated = None not in self.moments
        moments = self.moments if is_dated else [each for each in self.moments if each is not None]
        object.__setattr__(self, "is_dated", is_dated)
        object.__setattr__(self, "first", min(moments, default=None))  # type: ignore[type-var]
        object.__setattr__(self, "last", max(moments, default=None))  # type: ignore[type-var]

    def pick(self, positions: Sequence[int]) -> Page:
        """Return a page with only the records at some positions."""
        return Page(
            [self.raws[position] for position in positions],
            [self.ids[position] for position in positions],
            [self.moments[position] for position in positions],
            self.link,
            self.is_last,
        )


@dataclass(frozen=True, slots=True)
class PageFormat:
    """Where a vendor puts the record list, the next link, and a record's id and time.

    :param endpoint: Vendor and path, for messages.
    :param list_keys: Keys under which the record list may be found, in order of preference.
    :param link: Path of keys to the next link; empty if there is none.
    :param end_flag: Path of keys to a boolean that is true on the last page; empty if there is none.
    :param id_field: Record field with the id.
    :param time_field: Record field with the time that selects records.
    """

    endpoint: str
    list_keys: tuple[str, ...]
    link: tuple[str, ...]
    id_field: str
    time_field: str
    end_flag: tuple[str, ...] = ()

    def decode(self, body: bytes) -> Page:
        """Divide ``body`` into a page.

        :raises MalformedAnswerError: if the body is not JSON or not UTF-8, which JSON requires: a single such
            record would make its whole published file unreadable.
        :raises IncompleteExportError: if it is JSON of another shape: without a record list, or with a record
            that has no id.
        """
        if not _is_utf8(body):
            raise MalformedAnswerError("not UTF-8")
        try:
            return self._page(body, {})
        except (msgspec.DecodeError, UnicodeDecodeError):
            masked, originals = mask(body)
        if not originals:
            raise MalformedAnswerError from None
        try:
            return self._page(masked, originals)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise MalformedAnswerError from None

    def _page(self, body: bytes, originals: dict[bytes, bytes]) -> Page:
        heads_decoder, raws_decoder = _decoders(self)
        try:
            answer = heads_decoder.decode(body)
            bodies = raws_decoder.decode(body)
        except msgspec.ValidationError as error:
            raise IncompleteExportError(
                f"{self.endpoint} answered 200 with a body that does not have the documented shape "
                f"({error}); nothing was published, and the next try requests it again."
            ) from None
        except RecursionError:
            raise IncompleteExportError(
                f"{self.endpoint} answered 200 with a body that is nested too deeply to be read; "
                "nothing was published, and the next try requests it again."
            ) from None
        key = self._list_key(answer, bodies)
        heads, raws = getattr(answer, key), getattr(bodies, key)
        moments = moments_of([head.time for head in heads])
        ids = self._ids(heads)
        if originals:
            ids = [unmask_id(each, originals) for each in ids]
            raws = [msgspec.Raw(unmask(bytes(raw), originals)) for raw in raws]
        link, is_last = self._link(answer), self._is_last(answer)
        if self.link and self.end_flag and not is_last and link is None:
            raise self._link_is_missing()
        return Page(raws, ids, moments, link, is_last)

    def _list_key(self, answer: Any, bodies: Any) -> str:
        """Return the key of the record list: the first one with records, or else the first that exists."""
        there = [key for key in self.list_keys if getattr(answer, key) is not None]
        filled = [key for key in there if getattr(answer, key)]
        names = " or ".join(map(repr, self.list_keys))
        if any(list(getattr(bodies, key)) != list(getattr(bodies, filled[0])) for key in filled[1:]):
            raise IncompleteExportError(
                f"{self.endpoint} answered with different records in {' and '.join(map(repr, filled))}, "
                "but one list is documented; the right one is not known, so nothing was published."
            )
        if not there:
            raise IncompleteExportError(
                f"{self.endpoint} answered 200 without its record list {names}; "
                "an outage must not look like an empty day, so nothing was published."
            )
        return (filled or there)[0]

    def _ids(self, heads: Sequence[Any]) -> list[str]:
        ids = [head.id for head in heads]
        for position, value in enumerate(ids):
            if type(value) is int:
                ids[position] = str(value)
            elif type(value) is not str or not value:
                raise IncompleteExportError(
                    f"{self.endpoint} sent a record without a usable {self.id_field!r} (number "
                    f"{position + 1} of its page), which deduplication requires; nothing was published."
                )
        return ids

    def _link(self, answer: Any) -> str | None:
        value = self._value_at(self.link, answer)
        if value is None or value == "":
            return None
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise IncompleteExportError(
                f"{self.endpoint} sent a next link of type {type(value).__name__} instead of a string."
            )
        return str(value)

    def _is_last(self, answer: Any) -> bool:
        if not self.end_flag:
            return False
        value = self._value_at(self.end_flag, answer)
        if not isinstance(value, bool):
            raise IncompleteExportError(
                f"{self.endpoint} answered without {'.'.join(self.end_flag)!r} as true or false, so whether "
                "another page follows is not known; nothing was published."
            )
        return value

    def _link_is_missing(self) -> IncompleteExportError:
        return IncompleteExportError(
            f"{self.endpoint} says that another page follows but sent no link to it; stopping would lose "
            "records, so nothing was published."
        )

    def _value_at(self, path: tuple[str, ...], answer: Any) -> Any:
        if not path:
            return None
        value = getattr(answer, _attribute(path[0]))
        for key in path[1:]:
            if value is None:
                break
            if not isinstance(value, dict):
                raise IncompleteExportError(
                    f"{self.endpoint} sent a {path[0]!r} of type {type(value).__name__} instead of an "
                    "object, so whether another page follows is not known; nothing was published."
                )
            value = value.get(key)
        return value


def _attribute(key: str) -> str:
    """Return the decoder's attribute for a key next to the record list, which may have the same name."""
    return f"beside_{key}"


@lru_cache(maxsize=32)
def _decoders(layout: PageFormat) -> tuple[msgspec.json.Decoder[Any], msgspec.json.Decoder[Any]]:
    """Build the two decoders of a format: ids and times in one pass, raw record bytes in the other."""
    head = msgspec.defstruct(
        "Head",
        [
            ("id", Any, msgspec.field(name=layout.id_field, default=None)),
            ("time", Any, msgspec.field(name=layout.time_field, default=None)),
        ],
        gc=False,
    )
    beside = [
        (_attribute(key), Any, msgspec.field(name=key, default=None))
        for key in sorted({path[0] for path in (layout.link, layout.end_flag) if path})
    ]
    lists = [(key, list[head] | None, None) for key in layout.list_keys]  # type: ignore[valid-type]
    heads = msgspec.defstruct("Heads", [*lists, *beside])
    raws = msgspec.defstruct("Raws", [(key, list[msgspec.Raw] | None, None) for key in layout.list_keys])
    return msgspec.json.Decoder(heads), msgspec.json.Decoder(raws)


def _is_utf8(body: bytes) -> bool:
    """Return whether a body is valid UTF-8, without copying all of it."""
    if body.isascii():
        return True
    view, start = memoryview(body), 0
    try:
        while start < len(body):
            # Leaves a character that the piece cuts to the next piece; nothing is left to it at the end.
            _, used = codecs.utf_8_decode(view[start : start + _CHUNK], "strict", False)
            if not used:
                return False
            start += used
    except UnicodeDecodeError:
        return False
    return True
