"""Everything about the simulator that can be switched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_convexport.simulator.dataset import DatasetPlan

if TYPE_CHECKING:
    from airflow_provider_convexport.simulator.faults import Fault


def _switch(default: Any, about: str) -> Any:
    """Return a dataclass field whose help text the command line shows."""
    return field(default=default, metadata={"help": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """What exists, who may read it, and how the vendors behave where their documents leave it open.

    Each field has its meaning in its metadata, which is also the help of the command line.
    """

    seed: int = _switch(0, "Seed of all records; nothing else, not even the date of start, changes them.")
    records: int = _switch(
        40_000, "Conversations per shop, bot or instance over --days, besides seams and ties."
    )
    days: int = _switch(400, "Days of history; older records do not exist.")
    seams: bool = _switch(True, "Place conversations exactly on, before and after every midnight UTC.")
    ties: int = _switch(0, "Additional conversations that share the instant of noon, every day.")

    applied_labs_key: str = _switch("AL-simulated-key", "Key that Applied Labs accepts.")
    applied_labs_shops: tuple[str, ...] = _switch(
        ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"),
        "Shop ids that Applied Labs knows.",
    )
    ada_key: str = _switch("ada-simulated-key", "Key that Ada accepts.")
    agentx_key: str = _switch("agentx-simulated-key", "Key that AgentX accepts.")
    agentx_bots: tuple[str, ...] = _switch(("support-bot", "sales-bot"), "Bots that AgentX knows.")

    limits: bool = _switch(True, "Refuse requests above the vendors' rate limits.")
    retry_after: Literal["seconds", "date", "none"] = _switch("seconds", "Form of Retry-After on a 429.")
    lower_inclusive: bool = _switch(True, "Windows contain their lower bound.")
    upper_inclusive: bool = _switch(False, "Windows contain their upper bound.")
    agentx_max_window_days: int | None = _switch(None, "Longest window that AgentX accepts.")
    agentx_conversation_filter: Literal["startTime", "lastActionAt"] = _switch(
        "startTime", "Field that AgentX lays the window of conversations on."
    )
    agentx_unknown_bot_is_empty: bool = _switch(False, "AgentX answers an unknown bot with no records.")
    ada_list_key: Literal["data", "items"] = _switch("data", "Name of Ada's record list.")
    ada_history_days: int | None = _switch(None, "Refuse an Ada window that starts longer ago than this.")

    absolute_links: bool = _switch(True, "Next links are absolute, else they begin with the path.")
    page_overlap: int = _switch(0, "Last records of a page that come again on the next one.")
    max_page: int | None = _switch(None, "Never serve more records per page, whatever was asked.")
    empty_pages: int = _switch(0, "Make every n-th page empty, with a next page; at least 2.")
    shuffle: bool = _switch(False, "Applied Labs and AgentX serve records in no order of time.")
    cursor_uses: int | None = _switch(None, "Refuse a cursor after this many uses.")
    cursor_seconds: float | None = _switch(None, "Refuse a cursor this long after it was issued.")
    foreign_next: str | None = _switch(None, "Origin that next links point to instead of this one.")
    looping_next: bool = _switch(False, "The next page is always the same page.")
    drop_list: bool = _switch(False, "Answer 200 without the list of records.")
    pretty: bool = _switch(False, "Indent bodies, so that a record takes several lines.")

    page_latency: float = _switch(0.0, "Seconds that every answer takes longer.")
    slow_seconds: float = _switch(1.0, "Seconds that the fault 'slow' takes longer.")
    fault_retry_after: int = _switch(1, "Seconds of Retry-After that faults ask for.")
    redirect_origin: str = _switch("https://elsewhere.invalid", "Origin that the fault 'redirect' points to.")
    faults: tuple[Fault, ...] = _switch((), "The fault plan.")

    def __post_init__(self) -> None:
        if self.empty_pages == 1:
            raise ValueError("empty_pages=1 would leave no page with records; use 0 or at least 2.")
        if self.records < 0 or self.days < 1 or self.ties < 0:
            raise ValueError("records and ties cannot be negative, days must be positive.")
        if self.max_page is not None and self.max_page < 1:
            raise ValueError("max_page must be positive.")

    @property
    def plan(self) -> DatasetPlan:
        """What decides which conversations exist."""
        return DatasetPlan(self.seed, self.records, self.days, self.ties, self.seams)
