"""A vendor without a network: a client whose answers come from a list of records."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from airflow_provider_convexport.export.fetch.budget import Budget
from airflow_provider_convexport.export.fetch.client import Client
from airflow_provider_convexport.export.fetch.pagination import Cursor, NextLink, PageNumber, Pagination
from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.usage import Usage

T = TypeVar("T")


class FakeVendor(Client):
    """Answers the requests of `samples.stream`, whatever its kind of pagination.

    As real vendors may, it takes both ends of the window that it is asked for as inclusive.

    :param records: All records as (id, epoch seconds), in the order in which they are returned.
    :param pagination: The stream's kind of pagination; with an end flag, each page has a link or cursor.
    :param is_relative: True if its links have no host.
    :param trouble: Called before each answer with the number of requests so far; may raise.
    """

    def __init__(
        self,
        records: Sequence[tuple[str, float]],
        *,
        pagination: Pagination | None = None,
        is_relative: bool = False,
        trouble: Callable[[int], None] = lambda asked: None,
    ) -> None:
        super().__init__("Acme", "https://acme.example", lambda: None, Budget("acme", ()))
        self.records = records
        self.pagination = pagination or NextLink(("next",))
        self.is_relative = is_relative
        self.trouble = trouble
        self.requests: list[PageRequest] = []
        self._asking = threading.Lock()

    def fetch(self, request: PageRequest, decode: Callable[[bytes], T]) -> T:
        """Return what ``decode`` makes of the answer."""
        with self._asking:
            self.requests.append(request)
            asked = len(self.requests)
        self._count(Usage(requests=1))
        self.trouble(asked)
        page = decode(json.dumps(self._answer(request)).encode())
        self._count(Usage(pages=1))
        return page

    def _answer(self, request: PageRequest) -> dict[str, Any]:
        size = int(request.parameter("size") or 0)
        begin, inside = self._begin(request, size), self._inside(request)
        is_last = begin + size >= len(inside)
        answer: dict[str, Any] = {
            "list": [{"id": identity, "at": at} for identity, at in inside[begin : begin + size]]
        }
        if self.pagination.end_flag:
            answer[self.pagination.end_flag[0]] = is_last
        if self.pagination.link and (not is_last or self.pagination.end_flag):
            answer[self.pagination.link[0]] = self._link(request, begin if is_last else begin + size)
        return answer

    def _begin(self, request: PageRequest, size: int) -> int:
        if isinstance(self.pagination, PageNumber):
            first = self.pagination.first
            return (int(request.parameter(self.pagination.parameter) or first) - first) * size
        name = self.pagination.parameter if isinstance(self.pagination, Cursor) else "position"
        return int(request.parameter(name) or 0)

    def _link(self, request: PageRequest, position: int) -> str:
        if isinstance(self.pagination, Cursor):
            return str(position)
        link = request.replace("position", str(position))
        return (link.relative_to(self.base_url) if self.is_relative else link).url

    def _inside(self, request: PageRequest) -> list[tuple[str, float]]:
        start, end = (_moment(request.parameter(f"created_{name}")) for name in ("from", "to"))
        return [one for one in self.records if start <= one[1] <= end]


def _moment(text: str | None) -> float:
    return datetime.fromisoformat(text or "").timestamp()
