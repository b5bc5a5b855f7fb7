"""The facts of an export, which ``execute`` returns, and the asset events that carry them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired, Self, TypedDict

from airflow.sdk import Asset

from airflow_provider_convexport.compat import AirflowSkipException
from airflow_provider_convexport.errors import ConfigurationError
from airflow_provider_convexport.export.window import Window, iso
from airflow_provider_convexport.log_lines import in_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow.sdk import Context

    from airflow_provider_convexport.export.job import Job
    from airflow_provider_convexport.export.outcome import Outcome

log = logging.getLogger(__name__)


class ExportFacts(TypedDict):
    """What ``execute`` returns; the ``extra`` of asset events has it, too, beside what `day_facts` says.

    ``interval`` and ``expired`` are two ISO-8601 strings in UTC, start (closed) and end (open). ``bytes`` is
    the size of the files that were written, ``manifests`` are the URLs of the manifests that were written.
    ``unchanged``, the number of partitions that were left as they were, is present with ``skip_unchanged``.
    ``expired`` is present if that part of the interval was left out because the vendor no longer keeps it.
    """

    vendor: str
    stream: str
    interval: list[str]
    records: int
    bytes: int
    requests: int
    manifests: list[str]
    unchanged: NotRequired[int]
    expired: NotRequired[list[str]]


def facts_of(job: Job, outcome: Outcome) -> ExportFacts:
    """Return the facts of an export."""
    stream = job.query.stream
    facts = ExportFacts(
        vendor=stream.vendor,
        stream=stream.name,
        interval=_texts(job.interval),
        records=outcome.records,
        bytes=outcome.bytes,
        requests=outcome.plan.usage.requests,
        manifests=[each.url for each in outcome.written],
    )
    if job.skip_unchanged:
        facts["unchanged"] = outcome.unchanged
    if job.kept_from is not None:
        facts["expired"] = _texts(Window(job.interval.start, job.kept_from))
    return facts


@dataclass(frozen=True, slots=True)
class AssetEvents:
    """The events that an operator sends for the assets among its outlets.

    :param outlets: The assets.
    :param events: Airflow's ``outlet_events``: an event by asset.
    :param add_partitions: Whether one event is sent for each partition, with its key, instead of one per run.
    """

    outlets: tuple[Asset, ...]
    events: Mapping[Asset, Any]
    add_partitions: bool

    @classmethod
    def of(cls, context: Context, outlets: Iterable[object], *, add_partitions: bool) -> Self:
        """Return the events of a task's run.

        :param context: The task's context.
        :param outlets: The task's outlets; those that are not assets, such as aliases, get no event.
        :param add_partitions: The operator's argument.
        :raises ConfigurationError: if ``add_partitions`` is set without an asset or before Airflow 3.3.
        """
        if type(add_partitions) is not bool:
            raise ConfigurationError(
                f"add_partitions={add_partitions!r} is neither True nor False; write one of these."
            )
        assets = tuple(outlet for outlet in outlets if isinstance(outlet, Asset))
        events: Any = context["outlet_events"] if assets else {}
        if add_partitions and not assets:
            raise ConfigurationError("add_partitions=True needs an asset; pass outlets=[Asset(...)].")
        if add_partitions and not hasattr(events[assets[0]], "add_partitions"):
            raise ConfigurationError(
                "add_partitions=True needs Airflow 3.3 or newer; leave it out to send one event per run."
            )
        return cls(assets, events, add_partitions)

    def send(self, facts: Mapping[str, Any], *, keys: list[str]) -> None:
        """Attach the facts to each asset's event; Airflow sends the events when the task succeeds.

        :param facts: The facts of the run, among them its ``interval``.
        :param keys: Keys of the partitions that were written, such as ``2026-04-01``.
        :raises AirflowSkipException: if there are assets but no partition was written, so that no event is
            sent.
        """
        if self.outlets and not keys:
            reason = (
                f"No partition of {'..'.join(facts['interval'])} has changed, so all stay as they were and "
                "no asset event is sent."
            )
            # Airflow logs the reason of a skip in a group that its UI shows folded.
            log.info("%s", in_lines(reason))
            raise AirflowSkipException(reason)
        for outlet in self.outlets:
            event = self.events[outlet]
            event.extra.update(facts)
            if self.add_partitions:
                event.add_partitions(keys)


def _texts(window: Window) -> list[str]:
    return [iso(window.start), iso(window.end)]
