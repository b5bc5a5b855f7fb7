"""Single records that one endpoint leaves out, serves late, or serves changed, for tests of audits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from airflow_provider_convexport.simulator.times import microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_convexport.simulator.record_store import Record, Stream
    from airflow_provider_convexport.simulator.settings import SimulatorSettings

_MARK: Final = b',"changed_by_simulator":true}'


class Disturbance(NamedTuple):
    """A record of one stream of one vendor, and a moment in microseconds since the epoch, if one is named."""

    vendor: str
    stream: str
    identity: str
    moment: int | None


@lru_cache(maxsize=256)
def disturbance_of(text: str) -> Disturbance:
    """Read ``VENDOR/STREAM/ID`` or ``VENDOR/STREAM/ID@TIME``; a time without offset is UTC.

    :raises ValueError: The text is neither.
    """
    path, at, time = text.partition("@")
    parts = path.split("/")
    if len(parts) != 3 or not all(parts) or (at and not time):
        raise ValueError(f"{text!r} is not VENDOR/STREAM/ID or VENDOR/STREAM/ID@TIME.")
    moment = datetime.fromisoformat(time) if time else None
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    vendor, stream, identity = parts
    return Disturbance(vendor, stream, identity, None if moment is None else microseconds(moment))


def serves(stream: Stream, settings: SimulatorSettings, *, as_of: int) -> Callable[[bytes], bool] | None:
    """Return a function that tells whether a rendered record is served; ``None`` if all are.

    :param as_of: The time of the request, or of the first page, in microseconds since the epoch.
    """
    hidden = frozenset(
        each.identity
        for each in _of(stream, settings.leave_out)
        if each.moment is None or as_of < each.moment
    )
    return (lambda text: _identity(stream, text) not in hidden) if hidden else None


def changed(
    records: list[Record], stream: Stream, settings: SimulatorSettings, *, as_of: int
) -> list[Record]:
    """Return the records of a page, those with one more member that are changed by then."""
    marked = {
        each.identity for each in _of(stream, settings.change) if each.moment is None or each.moment <= as_of
    }
    if not marked:
        return records
    return [
        replace(each, text=each.text[:-1] + _MARK) if _identity(stream, each.text) in marked else each
        for each in records
    ]


def _of(stream: Stream, texts: Iterable[str]) -> list[Disturbance]:
    found = map(disturbance_of, texts)
    return [each for each in found if (each.vendor, each.stream) == (stream.vendor, stream.name)]


def _identity(stream: Stream, text: bytes) -> Any:
    return msgspec.structs.astuple(_decoder(stream.id_field).decode(text))[0]


@lru_cache(maxsize=8)
def _decoder(field: str) -> msgspec.json.Decoder[Any]:
    members = [("identity", Any, msgspec.field(name=field, default=None))]
    return msgspec.json.Decoder(msgspec.defstruct("Identified", members))
