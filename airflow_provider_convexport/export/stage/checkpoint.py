"""The checkpoint: how far an export is, and where the records lie that it has staged so far."""

from __future__ import annotations

import msgspec

from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.segment import Segment
from airflow_provider_convexport.export.stage.window_queue import RequestWindow


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt writes for later attempts.

    :param saved_at: When, in epoch seconds.
    """

    saved_at: float


class Checkpoint(Saved, frozen=True, kw_only=True):
    """How far a collection is. A later attempt resumes from the newest one that is young enough.

    :param requested_at: When the first request was sent, in epoch seconds; nothing staged is older.
    :param windows: Every request window of the run.
    :param segments: Everything staged, possibly by earlier attempts.
    :param counts: What became of the records so far.
    :param usage: What all attempts have asked of the vendor so far.
    """

    requested_at: float
    windows: list[RequestWindow]
    segments: list[Segment]
    counts: Counts
    usage: Usage
