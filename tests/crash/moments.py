"""The moments of an export: before and after each of its operations; at any of them it may be killed."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import dataclass
from itertools import product
from typing import Any

from airflow_provider_convexport.export.dataset.store import Store
from airflow_provider_convexport.export.fetch.client import Client

_OPERATIONS = (
    *product(
        [Store],
        ["put", "put_file", "get", "get_range", "get_versioned", "replace", "find", "delete", "prune"],
    ),
    (Client, "fetch"),
    *product([os], ["fsync", "replace", "link", "remove", "unlink", "rmdir"]),
)
"""Those that do not exist are left out, so the list may name methods of other versions of the package."""


@dataclass(frozen=True)
class Moment:
    """A moment at which a process sends itself a signal.

    :param number: Number of the moment, from 1.
    :param signal: Number of the signal.
    :param is_planned: Whether moments are counted from the moment at which the plan is written: those of
        publishing, sweeping and cleaning up. They are fewer than those before.
    """

    number: int
    signal: int
    is_planned: bool = False


@dataclass
class Places:
    """Moments of one test among several: those of all seeds together are spread evenly over the process.

    :param seed: Number of the test.
    :param seeds: Number of tests.
    :param moments: Number of moments of an undisturbed process.
    """

    seed: int
    seeds: int
    moments: int

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def moment(self, number: int) -> Moment:
        """Return a moment at which a signal is sent, somewhere in the seed's part of the process."""
        place = (self.seed + self.chance.random()) / self.seeds
        return Moment(1 + int(place * self.moments), number)


class Moments:
    """Counts the moments of this process, and sends the signal at one of them.

    :param moment: ``None`` if they are only counted.
    :param counts: Shared memory for the number of all moments and of those after the plan, if anybody asks.
    """

    def __init__(self, moment: Moment | None = None, counts: Any = None) -> None:
        self.moment = moment
        self.counts = [0, 0] if counts is None else counts
        self._is_planned = False
        self._replacing = 0

    def install(self, *others: tuple[Any, str]) -> None:
        """Wrap all operations.

        :param others: Further operations: classes or modules, and names of their functions.
        """
        for owner, name in (*_OPERATIONS, *others):
            if hasattr(owner, name):
                setattr(owner, name, self._around(getattr(owner, name)))

    def _around(self, operation: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self._is_planned = self._is_planned or any("/plan-" in str(each) for each in args[1:2])
            self._pass_by()
            self._replacing += operation.__name__ == "replace"
            try:
                result = operation(*args, **kwargs)
            finally:
                self._replacing -= operation.__name__ == "replace"
            self._pass_by()
            return result

        return counted

    def _pass_by(self) -> None:
        self.counts[0] += 1
        self.counts[1] += self._is_planned
        moment = self.moment
        if moment is None or self.counts[moment.is_planned] < moment.number:
            return
        # A process that stands still there holds the lock of a local disk, and nobody else can go on.
        if moment.signal != signal.SIGSTOP or not self._replacing:
            self.moment = None
            os.kill(os.getpid(), moment.signal)
