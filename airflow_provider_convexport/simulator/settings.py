"""All settings of the simulator: those that concern every vendor, and the ones that vendors declare."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_convexport.simulator.dataset import DatasetPlan
from airflow_provider_convexport.simulator.disturbances import disturbance_of
from airflow_provider_convexport.simulator.registry import registered_vendors
from airflow_provider_convexport.simulator.times import SECOND, microseconds
from airflow_provider_convexport.simulator.vendor_api import VendorSettings, switch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_convexport.simulator.faults import Fault
    from airflow_provider_convexport.simulator.vendor_api import VendorApi


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class SimulatorSettings:
    """The data that exists, the keys that may read it, and what vendors do where their documents are silent.

    The metadata of each field says what it means; it is also the help text of the command line. The
    settings of a vendor are arguments and attributes, too, under the vendor's name and their own:
    ``SimulatorSettings(ada_list_key="items").ada_list_key``.

    :raises TypeError: A setting is unknown.
    :raises ValueError: The value of a setting is impossible.
    """

    seed: int = switch(0, "Seed of all records; nothing else changes them, not even the date of the start.")
    records: int = switch(
        40_000, "Conversations per shop, bot or instance over --days, not counting --seams and --ties."
    )
    days: int = switch(400, "Days of history; older records do not exist.")
    seams: bool = switch(True, "Place conversations exactly on, before and after every midnight UTC.")
    hostile: bool = switch(
        False, "Fill records with legal JSON that breaks readers; otherwise they are plausible conversations."
    )
    ties: int = switch(0, "Additional conversations that share the instant of noon, every day.")

    living: bool = switch(
        False,
        "Show records as they are at this time; they are changed, rated, ended or deleted later.",
    )
    now: str | None = switch(
        None, "Stop the clock of the simulator at this ISO 8601 time, which is UTC without offset."
    )
    clock_offset: float = switch(0.0, "Seconds by which the clock of the simulator is ahead.")

    limits: bool = switch(True, "Refuse requests above the vendors' rate limits.")
    retry_after: Literal["seconds", "date", "none"] = switch("seconds", "Form of Retry-After on a 429.")
    lower_inclusive: bool = switch(True, "Windows contain their lower bound.")
    upper_inclusive: bool = switch(False, "Windows contain their upper bound.")

    absolute_links: bool = switch(True, "Next links are absolute; otherwise they begin with the path.")
    page_overlap: int = switch(0, "Number of records at the end of a page that the next page repeats.")
    max_page: int | None = switch(None, "Never serve more records per page, whatever the client asks for.")
    empty_pages: int = switch(0, "Make every n-th page empty, although a next page follows; at least 2.")
    shuffle: bool = switch(False, "Serve records in no order of time, if the vendor's pages have cursors.")
    cursor_uses: int | None = switch(None, "Refuse a cursor after this many uses.")
    cursor_seconds: float | None = switch(None, "Refuse a cursor this long after it was issued.")
    foreign_next: str | None = switch(None, "Origin that next links point to instead of the simulator's.")
    looping_next: bool = switch(False, "The next page is always the same page.")
    drop_list: bool = switch(False, "Answer with status 200 but without the list of records.")
    leave_out: tuple[str, ...] = switch(
        (),
        "Records that an endpoint does not serve, as VENDOR/STREAM/ID, or only from a time on with @TIME.",
    )
    change: tuple[str, ...] = switch(
        (), "Records that an endpoint serves changed, as VENDOR/STREAM/ID, or since a time with @TIME."
    )
    pretty: bool = switch(False, "Indent bodies, so that a record takes several lines.")

    page_latency: float = switch(0.0, "Seconds by which every response is delayed.")
    slow_seconds: float = switch(1.0, "Seconds by which the fault 'slow' delays a response further.")
    fault_retry_after: int = switch(1, "Seconds of Retry-After in responses that a fault replaced.")
    redirect_origin: str = switch("https://elsewhere.invalid", "Origin that the fault 'redirect' points to.")
    faults: tuple[Fault, ...] = switch((), "The fault plan.")

    vendors: Mapping[str, VendorSettings] = field(hash=False)
    """The settings of each vendor by the vendor's name."""

    def __init__(self, *, vendors: Mapping[str, VendorSettings] | None = None, **switches: Any) -> None:
        for each in fields(self):
            if each.name != "vendors":
                object.__setattr__(self, each.name, switches.pop(each.name, each.default))
        vendors = _defaults(registered_vendors()) if vendors is None else vendors
        changed = {name: _changed(own, prefix=f"{name}_", switches=switches) for name, own in vendors.items()}
        object.__setattr__(self, "vendors", changed)
        if switches:
            raise TypeError(f"Unknown settings: {', '.join(sorted(switches))}.")
        self._check()

    def __getattr__(self, name: str) -> Any:
        if name not in type(self).__slots__:  # a field is missing only while an object is made or copied
            for vendor, own in self.vendors.items():
                switch_name = name.removeprefix(f"{vendor}_")
                if switch_name != name and switch_name in own.__dataclass_fields__:
                    return getattr(own, switch_name)
        raise AttributeError(f"SimulatorSettings has no setting {name!r}.")

    def _check(self) -> None:
        if self.empty_pages == 1:
            raise ValueError("empty_pages=1 would leave no page with records; use 0 or at least 2.")
        if self.records < 0 or self.days < 1 or self.ties < 0:
            raise ValueError("records and ties cannot be negative, days must be positive.")
        if self.max_page is not None and self.max_page < 1:
            raise ValueError("max_page must be positive.")
        for each in (*self.leave_out, *self.change):
            disturbance_of(each)
        self.moment(0.0)

    @property
    def plan(self) -> DatasetPlan:
        """The settings that determine which conversations exist."""
        return DatasetPlan(self.seed, self.records, self.days, self.ties, self.seams, self.hostile)

    def moment(self, wall: float) -> int:
        """Return the time of the simulator's clock, in microseconds since the epoch.

        :param wall: The time of the machine's clock, in seconds since the epoch.
        :raises ValueError: The setting ``now`` is no ISO 8601 time.
        """
        if self.now is None:
            return int((wall + self.clock_offset) * SECOND)
        moment = datetime.fromisoformat(self.now)
        return microseconds(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)

    def with_vendors(self, vendors: Iterable[VendorApi]) -> SimulatorSettings:
        """Return these settings with the defaults of further vendors; vendors that are known keep theirs."""
        return replace(self, vendors={**_defaults(vendors), **self.vendors})

    def key_of(self, vendor: str) -> str:
        """Return the API key that a vendor accepts.

        :raises KeyError: The vendor is unknown, here and in the methods below.
        """
        return self.vendors[vendor].key

    def scopes_of(self, vendor: str) -> tuple[str, ...]:
        """Return the shop ids or bot names of a vendor; empty if it has none."""
        return self.vendors[vendor].scopes

    def scope_extra_of(self, vendor: str) -> str | None:
        """Return the connection extra that names a shop or bot, such as ``"shop_id"``, or ``None``."""
        return self.vendors[vendor].scope_extra

    def connection_extra_of(self, vendor: str) -> dict[str, str]:
        """Return the extras of a connection to the vendor's first shop or bot; empty if it has none."""
        name = self.scope_extra_of(vendor)
        return {} if name is None else {name: self.scopes_of(vendor)[0]}


def _defaults(vendors: Iterable[VendorApi]) -> dict[str, VendorSettings]:
    return {vendor.name: vendor.settings() for vendor in vendors}


def _changed(own: VendorSettings, *, prefix: str, switches: dict[str, Any]) -> VendorSettings:
    """Return a vendor's settings with those of ``switches`` that are its own, which are removed there."""
    names = [each.name for each in fields(own) if prefix + each.name in switches]
    return replace(own, **{name: switches.pop(prefix + name) for name in names})
