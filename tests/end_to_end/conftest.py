"""Whole exports against the simulator, through the operators, on a local disk."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_convexport.hooks.ada import AdaHook
from airflow_provider_convexport.hooks.agentx import AgentXHook
from airflow_provider_convexport.hooks.applied_labs import AppliedLabsHook
from airflow_provider_convexport.operators.ada import AdaExportOperator
from airflow_provider_convexport.operators.agentx import AgentXExportOperator
from airflow_provider_convexport.operators.applied_labs import AppliedLabsExportOperator
from airflow_provider_convexport.simulator.server import RunningSimulator, running
from airflow_provider_convexport.simulator.settings import SimulatorSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
QUIET = SimulatorSettings(records=1_200, limits=False)

EXTRAS = {
    "applied_labs": {"shop_id": "11111111-1111-4111-8111-111111111111"},
    "ada": {},
    "agentx": {"bot_name": "support-bot"},
}


@dataclass(frozen=True)
class Case:
    """One stream and what it is exported with."""

    vendor: str
    stream: str
    operator: type
    window_on: str | None = None
    truth_on: str | None = None

    def __str__(self) -> str:
        return "-".join(filter(None, (self.vendor, self.stream, self.window_on)))


STREAMS = [
    Case("applied_labs", "conversations", AppliedLabsExportOperator),
    Case("ada", "conversations", AdaExportOperator),
    Case("ada", "messages", AdaExportOperator),
    Case("agentx", "conversations", AgentXExportOperator),
    Case("agentx", "messages", AgentXExportOperator),
]
BY_UPDATE = [
    Case("applied_labs", "conversations", AppliedLabsExportOperator, "last_message_at", "last_message_at"),
    Case("ada", "conversations", AdaExportOperator, "updated", "date_updated"),
]


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[RunningSimulator]:
    with running(QUIET) as simulator:
        yield simulator


@pytest.fixture
def simulator(
    shared_simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningSimulator]:
    """The simulator with its switches at rest, the three connections to it, and no pacing."""
    for vendor, extra in EXTRAS.items():
        key = getattr(shared_simulator.settings, f"{vendor}_key")
        connection = {"conn_type": vendor, "host": shared_simulator.url, "password": key, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", json.dumps(connection))
    for hook in (AppliedLabsHook, AdaHook, AgentXHook):
        monkeypatch.setattr(hook, "limits", ())
    rest(shared_simulator)
    yield shared_simulator
    rest(shared_simulator)


def rest(simulator: RunningSimulator) -> None:
    """Put every switch back."""
    fields = QUIET.__dataclass_fields__
    simulator.update(**{name: getattr(QUIET, name) for name in fields})
    simulator.reset()


def export(
    case: Case, destination: Path, start: datetime, end: datetime, *, run_id: str = "", **kwargs: Any
) -> dict[str, Any]:
    """Run the case's operator once, as a scheduled run of that interval would."""
    operator = case.operator(
        task_id="export",
        destination=str(destination),
        stream=case.stream,
        window_on=case.window_on,
        **kwargs,
    )
    context = {
        "data_interval_start": start,
        "data_interval_end": end,
        "run_id": run_id or f"scheduled__{end.isoformat()}",
    }
    return operator.execute(context)


def partitions(destination: Path) -> dict[str, list[bytes]]:
    """Read every partition through its manifest, checking the files on the way; lines sorted."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for path in destination.rglob("_manifest.json"):
        manifest = json.loads(path.read_text())
        lines = found[str(path.parent.relative_to(destination))]
        for entry in manifest["files"]:
            content = (path.parent / entry["name"]).read_bytes()
            text = gzip.decompress(content)
            assert (entry["bytes"], entry["uncompressed_bytes"]) == (len(content), len(text))
            lines.extend(text.split(b"\n")[:-1])
            assert entry["records"] == text.count(b"\n")
        assert manifest["records"] == len(lines)
        lines.sort()
    return dict(found)


def truth(simulator: RunningSimulator, case: Case, start: datetime, end: datetime) -> dict[str, list[bytes]]:
    """Return the simulator's own records by partition of a day, in the same form."""
    scope = "".join(f"{name}={value}/" for name, value in EXTRAS[case.vendor].items())
    expected = {}
    while start < end:
        records = simulator.truth(case.vendor, case.stream, start, start + DAY, window_on=case.truth_on)
        expected[f"{scope}dt={start:%Y-%m-%d}"] = sorted(records)
        start += DAY
    return expected


def files(destination: Path) -> set[str]:
    """Return the names of all files under a folder, relative to it."""
    return {str(path.relative_to(destination)) for path in destination.rglob("*") if path.is_file()}
