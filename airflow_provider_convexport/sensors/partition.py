"""Waits until the run's partitions have been published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from msgspec import UnsetType

from airflow_provider_convexport.airflow_errors import airflow_errors
from airflow_provider_convexport.destination import store_at
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.dataset.manifest import MANIFEST, Manifest, read_manifest
from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from airflow_provider_convexport.export.window import iso
from airflow_provider_convexport.interval import interval_of
from airflow_provider_convexport.log_lines import in_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from airflow.sdk import Context, ObjectStoragePath

    from airflow_provider_convexport.export.dataset.partition import PartitionBy
    from airflow_provider_convexport.export.dataset.store import Store
    from airflow_provider_convexport.export.window import Window


class ExportPartitionSensor(BaseSensorOperator):
    """Succeeds once every partition of the run's interval has a manifest, and returns the manifests' URLs.

    It reads the object store and sends no request to the vendor. A partition without records has a manifest,
    too. While one is missing, a poke usually reads a single object, since partitions are published in order
    of time. Partitions that an export left out with ``on_expired="clip"`` are not waited for.

    :param destination: Root of the dataset (templated), as for the export operators.
    :param destination_conn_id: Airflow connection of the storage (templated), unless the URL names it.
    :param partition_by: ``"day"``, ``"hour"`` or ``"interval"``, as the export writes it.
    :param partition_timezone: IANA name of the time zone in which a ``"day"`` begins and ends, as for the
        export.
    :param scope: The shop or bot that was exported (templated): ``{"shop_id": ...}`` for Applied Labs,
        ``{"bot_name": ...}`` for AgentX; Ada has none.
    :param min_records: Also wait until the partitions together hold at least that many records.
    :param interval_start: Explicit start, closed, a datetime or ISO-8601 text with a time zone (templated);
        given together with ``interval_end``.
    :param interval_end: Explicit end, open (templated).
    :param period: Length of one period, for runs that name only an instant or a partition.
    """

    template_fields: Sequence[str] = (
        "destination",
        "destination_conn_id",
        "scope",
        "interval_start",
        "interval_end",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"scope": "json"}
    ui_color = "#e6f2e0"

    def __init__(
        self,
        *,
        destination: str | ObjectStoragePath,
        destination_conn_id: str | None = None,
        partition_by: PartitionBy = "day",
        partition_timezone: str = "UTC",
        scope: Mapping[str, str] | None = None,
        min_records: int = 0,
        interval_start: datetime | str | None = None,
        interval_end: datetime | str | None = None,
        period: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.partition_by = partition_by
        self.partition_timezone = partition_timezone
        self.scope = scope
        self.min_records = min_records
        self.interval_start = interval_start
        self.interval_end = interval_end
        self.period = period

    def poke(self, context: Context) -> PokeReturnValue:
        """Return whether all partitions are published.

        :returns: When they are, a dict of facts: interval (two ISO-8601 strings), records, manifests (URLs).
        :raises AirflowFailException: if an argument is wrong, the run does not say which interval it means,
            the destination cannot be used, or an object with a manifest's name is not a manifest.
        """
        with airflow_errors():
            grid = self._partitions(context)
            store = store_at(self.destination, conn_id=self.destination_conn_id)
            manifests = _manifests(grid, store)
        if manifests is None:
            missing = f"Not every partition of {grid.interval} is published in {store.url}."
            self.log.info("%s", in_lines(missing))
            return PokeReturnValue(is_done=False)
        records = sum(manifest.records for manifest in manifests.values())
        if records < self.min_records:
            self.log.info("%s holds %d records of %d.", grid.interval, records, self.min_records)
            return PokeReturnValue(is_done=False)
        facts = {
            "interval": [iso(grid.interval.start), iso(grid.interval.end)],
            "records": records,
            "manifests": [store.url_of(f"{grid.folder_of(index)}/{MANIFEST}") for index in sorted(manifests)],
        }
        return PokeReturnValue(is_done=True, xcom_value=facts)

    def _partitions(self, context: Context) -> PartitionGrid:
        self._check_arguments()
        interval = interval_of(
            context,
            interval_start=self.interval_start,
            interval_end=self.interval_end,
            period=self.period,
        )
        return PartitionGrid(interval, self.partition_by, self.scope or {}, timezone=self.partition_timezone)

    def _check_arguments(self) -> None:
        if type(self.min_records) is not int or self.min_records < 0:
            raise ConfigurationError(
                f"min_records={self.min_records!r} is not a whole number of 0 or more; "
                "write min_records=1, or leave it out."
            )
        scope = self.scope or {}
        if not isinstance(scope, Mapping) or not all(isinstance(each, str) for each in scope.values()):
            raise ConfigurationError(
                f"scope={scope!r} is not a dict of text; write scope={{'shop_id': ...}} for Applied Labs, "
                "scope={'bot_name': ...} for AgentX, or leave it out for Ada."
            )


def _manifests(grid: PartitionGrid, store: Store) -> dict[int, Manifest] | None:
    """Return the manifests by number of partition; ``None`` if one is missing or describes another span.

    A partition is not missing if a later one says that the vendor no longer kept any of it.
    """
    manifests: dict[int, Manifest] = {}
    expired: Window | None = None
    for index in reversed(range(grid.count)):  # the last one is published last
        window = grid.window_of(index)
        manifest = read_manifest(store, grid.folder_of(index))
        if manifest is None and expired is not None and expired.covers(window):
            continue
        if manifest is None or manifest.partition.window != window:
            return None
        manifests[index] = manifest
        if not isinstance(manifest.expired, UnsetType):
            expired = manifest.expired.window
    return manifests
