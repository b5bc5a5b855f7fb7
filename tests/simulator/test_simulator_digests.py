"""The records of a seed never change: other tests and benchmarks rely on the same records."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_convexport.simulator.app import Simulator
from airflow_provider_convexport.simulator.server import RunningSimulator
from airflow_provider_convexport.simulator.settings import SimulatorSettings

START = datetime(2026, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)

# vendor, stream, window field, number of records in eight days, first half of the SHA-256 of their lines
DIGESTS = [
    ("applied_labs", "conversations", "created_at", 128, "a520669e4abcccc4fde00db67c31721a"),
    ("applied_labs", "conversations", "last_message_at", 125, "84770038313e564626418a205dc176ec"),
    ("applied_labs", "conversations_listed", "created_at", 128, "e18ae4000f7c3fde805e95132910cef4"),
    ("applied_labs", "conversations_listed", "last_message_at", 125, "fb49cbaebc7f117b8d46865396eb2026"),
    ("applied_labs", "messages", "created_at", 296, "4da24046c70a5b25add83810f4c21a28"),
    ("applied_labs", "messages", "conversation.created_at", 297, "9057aa8ba159ea30888a947d82f4719e"),
    ("applied_labs", "messages", "conversation.last_message_at", 288, "6a75a047cbb30e5c841825f00e0a0f77"),
    ("ada", "conversations", "date_created", 128, "339d9960d6e85de7f3d51c251e1c0faf"),
    ("ada", "conversations", "date_updated", 128, "8e030e690dae398599c42b433e98b236"),
    ("ada", "messages", "date_created", 299, "f6887b6413afbfddd3d5dc3a2a633085"),
    ("agentx", "conversations", "startTime", 128, "b9ff701c834b2ac2d6672b722af31dc7"),
    ("agentx", "conversations", "lastActionAt", 126, "37d8a8f7911201a06b873449c6d7afe3"),
    ("agentx", "messages", "time", 303, "2f3aa90fe5baa55844a235a1b3854df2"),
]


@pytest.mark.parametrize(("vendor", "stream", "field", "count", "digest"), DIGESTS)
def test_the_records_of_a_seed_are_byte_for_byte_the_same_as_ever(vendor, stream, field, count, digest):
    settings = SimulatorSettings(records=4000, seed=7, ties=2, hostile=True)
    simulator = RunningSimulator("http://nowhere", Simulator(settings, clock=NOW.timestamp))

    records = simulator.truth(vendor, stream, START, START + timedelta(days=8), window_on=field)

    assert len(records) == count
    assert hashlib.sha256(b"\n".join(records)).hexdigest()[:32] == digest
