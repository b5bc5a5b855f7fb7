"""What an audit keeps of a record: its id, its time, a digest of its bytes, and a few members."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from airflow_provider_convexport.export.fetch.moment import moment_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_convexport.audit.second_views import Facts


class Entry(NamedTuple):
    """What is kept of one record.

    :param moment: Its time in epoch seconds; ``None`` if it has no valid one.
    :param digest: SHA-256 of its line.
    :param values: The members that the shape names, in that order.
    """

    moment: float | None
    digest: bytes
    values: tuple[Any, ...]


Entries = dict[str, Entry]
"""Records by id."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Which members of a record are decoded.

    :param id_field: The member with the id.
    :param time_field: The member with the time.
    :param facts: Further members.
    """

    id_field: str
    time_field: str
    facts: tuple[str, ...] = ()

    def entries(self, lines: Iterable[bytes]) -> Entries:
        """Return records by id; of several with the same id, the last one. Records without id are left out.

        :param lines: The records as they are published, without line breaks.
        """
        found: Entries = {}
        for line in lines:
            identity, time, *values = self._decoded(line)
            if isinstance(identity, (str, int)) and not isinstance(identity, bool):
                digest = hashlib.sha256(line).digest()
                found[str(identity)] = Entry(moment_of(time), digest, tuple(values))
        return found

    def facts_of(self, entry: Entry) -> Facts:
        """Return the members of a record by name."""
        return dict(zip(self.facts, entry.values, strict=True))

    def _decoded(self, line: bytes) -> tuple[Any, ...]:
        names = (self.id_field, self.time_field, *self.facts)
        unique = tuple(dict.fromkeys(names))
        try:
            values = msgspec.structs.astuple(_decoder(unique).decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):  # a lone surrogate, which JSON's escapes allow
            record = json.loads(line)
            values = tuple(record.get(name) for name in unique)
        return tuple(values[unique.index(name)] for name in names)


@lru_cache(maxsize=32)
def _decoder(names: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    members = [
        (f"member_{number}", Any, msgspec.field(name=name, default=None)) for number, name in enumerate(names)
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Members", members, gc=False))
