"""The fault plan: which requests are hit by which fault. What a fault does is in ``fault_injection``."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal, get_args

FaultKind = Literal[
    "status",
    "502-html",
    "503-retry-after-seconds",
    "503-retry-after-date",
    "429",
    "429-retry-after",
    "reset",
    "reset-after-headers",
    "cut-body",
    "half-json",
    "html-200",
    "slow",
    "redirect",
    "cursor-expired",
    "mixed",
]
"""Kinds of faults. ``status`` is written with its code, as in ``status:500``."""

RETRYABLE: Final = (
    "status:500",
    "status:504",
    "status:408",
    "502-html",
    "503-retry-after-seconds",
    "503-retry-after-date",
    "429",
    "429-retry-after",
    "reset",
    "reset-after-headers",
    "cut-body",
)
"""The kinds that ``mixed`` selects from: after each of them the same request may be sent again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the fault plan.

    :param kind: One of :data:`FaultKind`, for example ``"reset"`` or ``"status:500"``.
    :param at: Number of the request that it hits, counted from 1 over all vendors since the last reset.
    :param rate: Share of the requests that it hits, selected by the request's number; 0 to 1.
    :param seed: Seed of that selection.
    :param vendor: Hit only this vendor's requests.
    :param endpoint: Hit only this endpoint's requests, for example ``"export"``.
    :raises ValueError: The kind is unknown, or the rate is not between 0 and 1.
    """

    kind: str
    at: int | None = None
    rate: float = 0.0
    seed: int = 0
    vendor: str | None = None
    endpoint: str | None = None

    def __post_init__(self) -> None:
        name, _, code = self.kind.partition(":")
        known = name in get_args(FaultKind) and (name == "status") == code.isdigit()
        if not known:
            raise ValueError(f"Unknown fault {self.kind!r}; known are {', '.join(get_args(FaultKind))}.")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"A fault's rate lies between 0 and 1, got {self.rate}.")

    def hits(self, number: int, *, vendor: str, endpoint: str, resumed: bool) -> bool:
        """Return whether this fault hits request ``number``.

        :param resumed: Whether the request has a cursor; only such a cursor can expire.
        """
        if self.vendor not in (None, vendor) or self.endpoint not in (None, endpoint):
            return False
        if self.kind == "cursor-expired" and not resumed:
            return False
        return number == self.at or _draw(self.seed, number=number, what=self.kind) < self.rate

    def concrete(self, number: int) -> str:
        """Return the kind; for ``mixed``, the one of :data:`RETRYABLE` that this request is to meet."""
        if self.kind != "mixed":
            return self.kind
        return RETRYABLE[int(_draw(self.seed, number=number, what="which") * len(RETRYABLE))]


def planned_fault(
    faults: tuple[Fault, ...], *, number: int, vendor: str, endpoint: str, resumed: bool
) -> str | None:
    """Return the kind of the first fault of the plan that hits a request, or ``None``."""
    for fault in faults:
        if fault.hits(number, vendor=vendor, endpoint=endpoint, resumed=resumed):
            return fault.concrete(number)
    return None


def _draw(seed: int, *, number: int, what: str) -> float:
    """Return a pseudo-random number, at least 0 and below 1, that depends on the arguments alone."""
    digest = blake2b(f"{seed}|{number}|{what}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48
