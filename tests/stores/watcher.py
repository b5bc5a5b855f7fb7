"""Looks at a destination all the time, as any reader might, and remembers what was wrong."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.published import is_as_said

if TYPE_CHECKING:
    from types import TracebackType

    from tests.stores.buckets import Bucket


@dataclass
class Watcher:
    """Lists and reads a destination in a thread until the block ends.

    :param bucket: The store.
    :param root: The dataset.
    """

    bucket: Bucket
    root: str
    looks: int = 0
    manifests: set[str] = field(default_factory=set)
    """Commits of all manifests that were seen."""
    sizes: dict[str, set[int]] = field(default_factory=dict)
    """Sizes with which each published file was seen."""
    faults: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Watcher:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._look()
        except Exception as error:  # noqa: BLE001 - a thread's exception is lost
            self.faults.append(repr(error))

    def _look(self) -> None:
        self.looks += 1
        for name, size in self.bucket.sizes(self.root).items():
            if "/part-" in name:
                self.sizes.setdefault(name, set()).add(size)
            if name.endswith("/_manifest.json"):
                self._check(name)

    def _check(self, name: str) -> None:
        text = self.bucket.read(self.root, name)
        if text is None:
            self.faults.append(f"{name} was there and is gone")
            return
        manifest = json.loads(text)
        if manifest["commit"] in self.manifests and self.looks % 5:
            return
        folder = name.rpartition("/")[0]
        for entry in manifest["files"]:
            content = self.bucket.read(self.root, f"{folder}/{entry['name']}")
            if content is None:
                # A newer version may have come in between; then its manifest is there already.
                if self.bucket.read(self.root, name) == text:
                    self.faults.append(f"{name} names {entry['name']}, which is not there")
                return
            if not is_as_said(entry, content):
                self.faults.append(f"{entry['name']} is not as {name} says")
        self.manifests.add(manifest["commit"])
