"""Waits until a vendor has all records of the run's interval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from airflow_provider_convexport.compat import AirflowFailException, conf
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.fetch.availability import settles_at
from airflow_provider_convexport.export.window import iso
from airflow_provider_convexport.interval import interval_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_convexport.export.fetch.stream import Stream


class ExportIntervalSettledSensor(BaseSensorOperator):
    """Succeeds once the run's interval has ended and the vendor's lag has passed; sends no request.

    For an interval that settled long ago, as in a backfill, it succeeds at once. Export operators wait by
    themselves; this sensor is for Dags in which another task must wait, too.

    :param vendor: Machine name, such as ``"ada"``, whose lag is waited for.
    :param stream: The vendor's stream.
    :param settle: How long after its end an interval settles, zero or more, instead of the vendor's lag.
    :param interval_start: Explicit start, closed, a datetime or ISO-8601 text with a time zone (templated);
        given together with ``interval_end``.
    :param interval_end: Explicit end, open (templated).
    :param period: Length of one period, for runs that name only an instant or a partition.
    :param deferrable: Whether to wait in the triggerer; by default the value of ``[operators]
        default_deferrable``. Otherwise ``mode="reschedule"`` frees the slot until the interval has settled.
    """

    template_fields: Sequence[str] = ("interval_start", "interval_end")
    ui_color = "#e6f2e0"

    def __init__(
        self,
        *,
        vendor: str | None = None,
        stream: str = "conversations",
        settle: timedelta | None = None,
        interval_start: datetime | str | None = None,
        interval_end: datetime | str | None = None,
        period: timedelta | None = None,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vendor = vendor
        self.stream = stream
        self.settle = settle
        self.interval_start = interval_start
        self.interval_end = interval_end
        self.period = period
        self.deferrable = deferrable

    def execute(self, context: Context) -> None:
        """Wait in the triggerer, or as ``mode`` says.

        :raises AirflowFailException: if an argument is wrong, the run does not say which interval it means,
            or the vendor's lag is not known.
        """
        settled = self._settled_at(context)
        wait = settled - datetime.now(UTC)
        if wait > timedelta(0):
            self.log.info("The interval settles at %s.", iso(settled))
            if self._defers():
                self._defer(settled)
            if self.mode == "reschedule":
                # One poke at the right moment instead of one a minute.
                self.poke_interval = min(wait.total_seconds(), self.timeout)
        super().execute(context)

    def resume(self, context: Context, event: Any = None) -> None:
        """Check again after the trigger has fired, since the triggerer's clock may be ahead."""
        del event
        self.execute(context)

    def poke(self, context: Context) -> bool:
        """Return whether the interval has settled."""
        return self._settled_at(context) <= datetime.now(UTC)

    def _settled_at(self, context: Context) -> datetime:
        try:
            interval = interval_of(
                context,
                interval_start=self.interval_start,
                interval_end=self.interval_end,
                period=self.period,
            )
            return settles_at(interval, self._named_stream(), self.settle)
        except ConfigurationError as error:
            raise AirflowFailException(str(error)) from None

    def _named_stream(self) -> Stream | None:
        """Return the vendor's stream; ``None`` if no vendor is named, or ``settle`` makes it unnecessary."""
        if self.vendor is None or self.settle is not None:
            return None
        # Imported here since hooks load requests, which a Dag processor need not do for a sensor.
        from airflow_provider_convexport.hooks.vendors import stream_of  # noqa: PLC0415

        return stream_of(self.vendor, self.stream)

    def _defers(self) -> bool:
        if self.deferrable is None:
            return bool(conf.getboolean("operators", "default_deferrable", fallback=False))
        return self.deferrable

    def _defer(self, moment: datetime) -> None:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger  # noqa: PLC0415

        # Without kwargs, which `dag.test` drops.
        self.defer(
            trigger=DateTimeTrigger(moment=moment),
            method_name="resume",
            timeout=timedelta(seconds=self.timeout),
        )
