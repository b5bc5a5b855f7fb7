"""Any number of records without a network or a simulator: a client that makes up each page when it is asked.

A page costs about two microseconds a record, so that whole years fit into a test or a benchmark.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from math import ceil, floor
from typing import TypeVar

from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.stream import Query, Stream
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.window import Window
from airflow_provider_convexport.hooks import ada, agentx, applied_labs

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Layout:
    """The notation of one vendor, for the default time field of its conversations.

    :param stream: The vendor's stream.
    :param span: Returns the ends of the window that a request asks for, as epoch seconds.
    :param record: Format of a record, with ``{id}``, ``{at}`` and ``{text}``.
    :param moment: Writes epoch seconds as the record does.
    :param answer: Format of an answer, with ``{records}`` and ``{link}``.
    :param link: Returns the link in the answer to a request, from the position of the next record and the
        time of the last one, which is written as in the record.
    """

    stream: Stream
    span: Callable[[PageRequest], tuple[float, float]]
    record: str
    moment: Callable[[float], str]
    answer: str
    link: Callable[[PageRequest, int, str], str]


class PageSource(Client):
    """Answers requests for conversations of a vendor that lie at equal distances in an interval.

    :param vendor: The vendor's machine name.
    :param interval: Half-open interval of the records.
    :param count: Number of the records.
    :param text_bytes: Length of the text in each record; deflate halves it.
    :param asked: Called before each answer.
    """

    def __init__(
        self,
        vendor: str,
        interval: Window,
        count: int,
        *,
        text_bytes: int = 150,
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__("Source", "https://source.example", lambda: None, Budget("source", ()))
        self.layout = LAYOUTS[vendor]
        self.count = count
        self._start = interval.start.timestamp()
        self._step = interval.length.total_seconds() / count if count else 1.0
        self._text_bytes = text_bytes
        self._asked = asked
        self._asking = threading.Lock()

    def fetch(self, request: PageRequest, decode: Callable[[bytes], T]) -> T:
        with self._asking:  # a server makes up answers in its own memory, so one at a time is made here
            self._asked()
            body = self.answer(request)
        self._count(Usage(requests=1))
        page = decode(body)
        self._count(Usage(pages=1))
        return page

    def answer(self, request: PageRequest) -> bytes:
        """Return the body of the answer to a request."""
        layout, size = self.layout, self.layout.stream.page_size
        first, end = self._inside(*layout.span(request))
        first = int(request.parameter("cursor") or first)
        following = min(first + int(request.parameter(size.parameter) or size.default), end)
        link = "null"
        if following < end:
            link = f'"{layout.link(request, following, layout.moment(self._moment(following - 1)))}"'
        begin, _, rest = layout.answer.replace("{link}", link).partition("{records}")
        body = bytearray(begin.encode())
        for number in range(first, following):
            body += self._record(number).encode()
            body += b","
        if following > first:
            del body[-1]
        body += rest.encode()
        return bytes(body)

    def _record(self, number: int) -> str:
        text = _text()
        offset = number * 7_919 % (len(text) - self._text_bytes)
        layout = self.layout
        return layout.record % (
            number * 0x9E3779B97F4A7C15 % 2**64,
            number,
            layout.moment(self._moment(number)),
            text[offset : offset + self._text_bytes],
        )

    def _moment(self, number: int) -> float:
        return round(self._start + (number + 0.5) * self._step, 3)

    def _inside(self, start: float, end: float) -> tuple[int, int]:
        """Return the numbers of the records of a closed interval as a range."""
        first = ceil((start - 0.0005 - self._start) / self._step - 0.5)
        last = floor((end + 0.0005 - self._start) / self._step - 0.5)
        return min(max(first, 0), self.count), max(min(last + 1, self.count), 0)


def query_of(vendor: str, *, page_size: int | None = None, request_window: timedelta | None = None) -> Query:
    """Return a query of the vendor's conversations."""
    return Query(LAYOUTS[vendor].stream, page_size=page_size, request_window=request_window)


@cache
def _text() -> str:
    """Return a text of words that is much longer than deflate looks back."""
    rng = random.Random(12)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(5_000)]
    return " ".join(rng.choices(words, k=250_000))


def _iso(moment: float) -> str:
    return f'"{datetime.fromtimestamp(moment, tz=UTC).isoformat(timespec="milliseconds")[:-6]}Z"'


def _epoch(text: str | None) -> float:
    return datetime.fromisoformat(text or "").timestamp()


def _pair(request: PageRequest, start: str, end: str) -> tuple[str, str]:
    return request.parameter(start) or "", request.parameter(end) or ""


def _of_ada(request: PageRequest) -> tuple[float, float]:
    start, end = _pair(request, "created_since", "created_to")
    return _epoch(start), _epoch(end)


def _of_agentx(request: PageRequest) -> tuple[float, float]:
    start, end = _pair(request, "start_time", "end_time")
    return float(start), float(end)


def _of_applied_labs(request: PageRequest) -> tuple[float, float]:
    start, _, end = (request.parameter("created_at__range") or "").partition(",")
    return _epoch(start), _epoch(end)


LAYOUTS = {
    "ada": Layout(
        ada.CONVERSATIONS,
        _of_ada,
        '{"_id":"%016x%08x","date_created":%s,"text":"%s"}',
        _iso,
        '{"data":[{records}],"meta":{"next_page_uri":{link}}}',
        lambda request, following, last: request.replace("created_since", last.strip('"')).url,
    ),
    "agentx": Layout(
        agentx.CONVERSATIONS,
        _of_agentx,
        '{"_id":"%016x%08x","startTime":%s,"text":"%s"}',
        str,
        '{"data":[{records}],"cursor":{link}}',
        lambda request, following, last: str(following),
    ),
    "applied_labs": Layout(
        applied_labs.CONVERSATIONS,
        _of_applied_labs,
        '{"id":"%016x%08x","created_at":%s,"text":"%s"}',
        _iso,
        '{"results":[{records}],"next":{link}}',
        lambda request, following, last: request.replace("cursor", str(following)).url,
    ),
}
"""By the vendor's machine name."""
