"""What a dataset is: the object at a destination's root that says which kind of export lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from airflow_provider_convexport.errors import DestinationUnavailableError
from airflow_provider_convexport.export.dataset.manifest import (
    FORMAT_VERSION,
    decoded,
    encoded,
    other_kind,
)

if TYPE_CHECKING:
    from airflow_provider_convexport.export.dataset.partition import PartitionGrid
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.fetch.stream import Query

DATASET = "_dataset.json"
_MAX_ROUNDS = 100


class Dataset(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Content of ``_dataset.json``: what all exports into one destination have in common.

    :param account: Public identity of the vendor account; empty if the scope tells accounts apart.
    :param window_on: Which time selects the records; empty as long as it is only assumed.
    :param scope: Names of the scope's parts; each shop or bot has a folder of its own in the dataset.
    :param partition_timezone: IANA name of the zone that defines the days; ``"UTC"`` unless ``partition_by``
        is ``"day"``.
    :param table: Name of the table, if the dataset holds a table's rows; empty, and left out, for records.
    """

    format_version: int
    vendor: str
    account: str
    stream: str
    scope: tuple[str, ...]
    filters: dict[str, str]
    window_on: str
    partition_by: str
    partition_timezone: str
    table: str = ""

    @classmethod
    def of(cls, query: Query, grid: PartitionGrid) -> Self:
        """Return the dataset that a run exports into.

        :param query: What the run requests.
        :param grid: The partitions that it publishes.
        """
        return cls(
            format_version=FORMAT_VERSION,
            vendor=query.stream.vendor,
            account=query.account,
            stream=query.stream.name,
            scope=tuple(sorted(query.scope)),
            filters=dict(query.filters),
            window_on="" if query.window_evidence == "assumed" else query.window_on,
            partition_by=grid.by,
            partition_timezone=grid.timezone if grid.by == "day" else "UTC",
        )

    def undecided(self) -> Self:
        """Return the dataset of which is not known yet which time selects its records."""
        return msgspec.structs.replace(self, window_on="")

    def encode(self) -> bytes:
        """Return the dataset as indented JSON."""
        return encoded(self)

    def differences(self, other: Dataset) -> dict[str, tuple[object, object]]:
        """Return the fields in which two datasets differ, which cannot share a destination then.

        An empty ``window_on`` differs from no other: it is not known yet.

        :returns: Name of a field to its value in this one and its value in ``other``.
        """
        here, there = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        if not (self.window_on and other.window_on):
            del here["window_on"]
        return {name: (here[name], there[name]) for name in here if here[name] != there[name]}


def read_dataset(store: Store) -> Dataset | None:
    """Return what a destination holds, or ``None`` if nothing was exported to it.

    It is ``None``, too, if only versions of this package without ``_dataset.json`` have exported to it.

    :raises ConfigurationError: if the object of that name does not describe a dataset.
    """
    content = store.get(DATASET)
    return None if content is None else _decoded(content, store)


def is_registered(store: Store, dataset: Dataset) -> bool:
    """Return whether a destination is recorded to hold a dataset, or nothing more can be recorded.

    :raises ConfigurationError: if it holds another dataset, or the object of that name describes none.
    """
    return is_recorded(read_dataset(store), dataset, store)


def is_recorded(there: Dataset | None, dataset: Dataset, store: Store) -> bool:
    """Return whether what is recorded says all that is known of a dataset.

    :param there: What is recorded; see `read_dataset`.
    :param dataset: What it is to hold.
    :param store: The destination, for the message.
    :raises ConfigurationError: if it holds another dataset.
    """
    return there is not None and _covers(there, dataset, store)


def register(store: Store, dataset: Dataset) -> None:
    """Record which dataset a destination holds; of several concurrent first runs, one does.

    :param store: The destination, after `Store.probed`.
    :param dataset: What it holds.
    :raises ConfigurationError: if another run has recorded another dataset in the meantime.
    :raises DestinationUnavailableError: if the store refuses to replace the object again and again.
    """
    if store.replace(DATASET, dataset.encode(), None):
        return
    for _ in range(_MAX_ROUNDS):
        seen = store.get_versioned(DATASET)
        if seen is not None and _covers(_decoded(seen.content, store), dataset, store):
            return
        if store.replace(DATASET, dataset.encode(), None if seen is None else seen.version):
            return
    raise DestinationUnavailableError(
        url=store.url_of(DATASET),
        problem=f"it was neither written nor as it has to be in {_MAX_ROUNDS} tries",
        connection=store.connection,
    )


def ensure_registered(store: Store, dataset: Dataset) -> None:
    """Record which dataset a destination holds unless that is recorded.

    :raises ConfigurationError: if it holds another dataset, or the object of that name describes none.
    """
    if not is_registered(store, dataset):
        register(store, dataset)


def _covers(there: Dataset, dataset: Dataset, store: Store) -> bool:
    """Return whether ``there`` says all that ``dataset`` says.

    :raises ConfigurationError: if they differ.
    """
    if differences := there.differences(dataset):
        raise other_kind(store.url, "dataset", differences)
    return bool(there.window_on) or not dataset.window_on


def _decoded(content: bytes, store: Store) -> Dataset:
    return decoded(content, Dataset, url=store.url_of(DATASET), what="a description of a dataset")
