from __future__ import annotations

import msgspec

from airflow_provider_convexport.export.fetch.request import PageRequest
from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.stage.attempt import Attempt
from airflow_provider_convexport.export.stage.checkpoint import Checkpoint
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.stager import Stager
from airflow_provider_convexport.export.stage.window_queue import WindowQueue
from tests.support.samples import batch, days


def test_a_checkpoint_survives_being_stored(store):
    stager = Stager(Attempt.begin(store, task="task", fingerprint="print"))
    stager.add([batch(("a", 1.0))])
    stager.flush()
    windows = WindowQueue.of([days(1)]).windows
    windows[0].next_request = PageRequest("/export", '{"page": "2"}')
    checkpoint = Checkpoint(
        saved_at=1.0,
        requested_at=0.5,
        windows=windows,
        segments=stager.segments,
        counts=Counts(records=1),
        usage=Usage(requests=2, pages=1, throttled_seconds=0.5),
    )

    assert msgspec.json.decode(msgspec.json.encode(checkpoint), type=Checkpoint) == checkpoint
