"""Reads named members of a JSON object, whatever else the object holds.

The fast way is one pass of msgspec. It refuses lone surrogates, numbers beyond the range of doubles and deep
nesting, all of which are JSON. Then the object is cut into its members, and each is read by itself.
"""

from __future__ import annotations

import json
import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from airflow_provider_convexport.export.fetch.surrogates import replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_REFUSALS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN: Final = re.compile(_STRING + rb"|[{}\[\],]", re.DOTALL)
_MEMBER: Final = re.compile(rb"(" + _STRING + rb")\s*+:\s*+(.++)", re.DOTALL)
_KINDS: Final = {"{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean", "n": "null"}
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_DECODER: Final = msgspec.json.Decoder()

Text = bytes | msgspec.Raw
"""One JSON value as its bytes."""


class Unreadable:
    """Stands for a value, or for a member of a value, that could not be read.

    :param kind: The JSON kind of what was found.
    """

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind


class Members:
    """Reads some members of objects.

    :param names: Names of the members; a missing member reads as ``None``, as one that is null does.
    :param raw: Those of them that are not decoded but stay JSON text, as `msgspec.Raw`; null stays text, too.
    :param distinct: Those of them that read as `msgspec.UNSET` if they are missing.
    :param exact: Whether lone surrogates stay in what is not decoded; otherwise they become U+FFFD.
    """

    def __init__(
        self,
        names: Iterable[str],
        *,
        raw: frozenset[str] = frozenset(),
        distinct: frozenset[str] = frozenset(),
        exact: bool = False,
    ) -> None:
        self._attributes = {name: f"m{number}" for number, name in enumerate(names)}
        self._raw, self._exact = raw, exact
        fields = [
            (
                attribute,
                msgspec.Raw if name in raw else Any,
                msgspec.field(name=name, default=msgspec.UNSET if name in distinct else None),
            )
            for name, attribute in self._attributes.items()
        ]
        self._struct = msgspec.defstruct("Record", fields, gc=False)
        self._decoder = msgspec.json.Decoder(self._struct | None)

    def read(self, text: Text) -> Any:
        """Return an object's members as attributes, ``None`` for null, `Unreadable` for any other value."""
        try:
            return self._decoder.decode(text)
        except _REFUSALS:
            return self._read_carefully(bytes(text))

    def read_all(self, texts: Sequence[Text | None]) -> list[Any]:
        """Return what `read` returns of each text; ``None`` of what is no text."""
        decode = self._decoder.decode
        try:
            return [None if text is None else decode(text) for text in texts]
        except _REFUSALS:
            return [None if text is None else self.read(text) for text in texts]

    def getter(self, name: str) -> Callable[[Any], Any]:
        """Return a function that picks a member from what `read` returned."""
        return attrgetter(self._attributes[name])

    @property
    def blank(self) -> Any:
        """What `read` returns for an object without members."""
        return self._struct()

    def filled(self, value: object) -> Any:
        """Return what `read` would return for an object each of whose members has the same value."""
        return self._struct(**dict.fromkeys(self._attributes.values(), value))

    def _read_carefully(self, text: bytes) -> Any:
        if not self._exact:
            text = replaced(text.decode("utf-8", "replace").encode())
            try:
                return self._decoder.decode(text)
            except _REFUSALS:
                pass
        found = _members_of(text)
        if found is None:
            return Unreadable(kind_of_text(text))
        values = {
            attribute: msgspec.Raw(found[name]) if name in self._raw else decoded(replaced(found[name]))
            for name, attribute in self._attributes.items()
            if name in found
        }
        return self._struct(**values)


def decoded(text: Text) -> Any:
    """Return the value of a JSON text without lone surrogates; a number beyond all doubles is infinite."""
    try:
        return _DECODER.decode(text)
    except _REFUSALS:
        pass
    try:
        return json.loads(bytes(text))
    except (ValueError, RecursionError):
        return Unreadable(kind_of_text(bytes(text)))


def items_of(text: Text) -> list[Any] | None:
    """Return the items of a JSON array as their bytes, or ``None`` if it is no array."""
    try:
        return _LIST.decode(text)
    except _REFUSALS:
        pass
    whole = bytes(text).strip()
    if not (whole.startswith(b"[") and whole.endswith(b"]")):
        return None
    pieces = list(_pieces(whole))
    return None if pieces[-1:] == [None] else pieces


def kind_of_text(text: bytes) -> str:
    """Return the JSON kind of a value by how its text begins."""
    return _KINDS.get(text.lstrip()[:1].decode("ascii", "replace"), "number")


def _members_of(text: bytes) -> dict[str, bytes] | None:
    """Cut an object into the texts of its members; ``None`` if the text is not an object."""
    text = text.strip()
    if not (text.startswith(b"{") and text.endswith(b"}")):
        return None
    found: dict[str, bytes] = {}
    for piece in _pieces(text):
        match = _MEMBER.fullmatch(piece) if piece is not None else None
        name = decoded(match[1]) if match else None
        if match is None or not isinstance(name, str):
            return None
        found[name] = match[2]
    return found


def _pieces(text: bytes) -> Iterator[bytes | None]:
    """Yield what stands between the outermost brackets, cut at commas; ``None`` if they do not close."""
    depth, start = 0, 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in {b"{", b"["}:
            depth += 1
            start = token.end() if depth == 1 else start
        elif mark in {b"}", b"]"}:
            depth -= 1
        if depth == 0 or (depth == 1 and mark == b","):
            piece = text[start : token.start()].strip()
            start = token.end()
            if piece:
                yield piece
        if depth == 0:
            return
    yield None
