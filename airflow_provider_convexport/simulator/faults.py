"""The fault plan: which requests go wrong, and how."""

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
"""What can go wrong. ``status`` is written with its code, ``status:500``."""

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
"""What ``mixed`` chooses from: everything after which the same request may simply be sent again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, and when.

    :param kind: One of :data:`FaultKind`, for example ``"reset"`` or ``"status:500"``.
    :param at: Number of the request it hits, counted from 1 over all vendors since the last reset.
    :param rate: Share of the requests it hits, chosen by the request's number; 0 to 1.
    :param seed: Seed of that choice.
    :param vendor: Hit only this vendor's requests.
    :param endpoint: Hit only this endpoint's requests, for example ``"export"``.
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
        """Tell whether request ``number`` goes wrong.

        :param resumed: Whether the request carries a cursor; without one none can expire.
        """
        if self.vendor not in (None, vendor) or self.endpoint not in (None, endpoint):
            return False
        if self.kind == "cursor-expired" and not resumed:
            return False
        return number == self.at or _draw(self.seed, number=number, what=self.kind) < self.rate

    def concrete(self, number: int) -> str:
        """Return the kind, with ``mixed`` resolved to one of :data:`RETRYABLE`."""
        if self.kind != "mixed":
            return self.kind
        return RETRYABLE[int(_draw(self.seed, number=number, what="which") * len(RETRYABLE))]


def planned(
    faults: tuple[Fault, ...], *, number: int, vendor: str, endpoint: str, resumed: bool
) -> str | None:
    """Return what goes wrong with a request, or ``None``; the first fault that hits it counts."""
    for fault in faults:
        if fault.hits(number, vendor=vendor, endpoint=endpoint, resumed=resumed):
            return fault.concrete(number)
    return None


def _draw(seed: int, *, number: int, what: str) -> float:
    """Return a number from 0 up to 1 that depends on nothing but its arguments."""
    digest = blake2b(f"{seed}|{number}|{what}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48
