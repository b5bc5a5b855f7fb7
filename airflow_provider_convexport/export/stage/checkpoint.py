"""The checkpoint: the progress of an export, and the segments that it has staged so far."""

from __future__ import annotations

import msgspec

from airflow_provider_convexport.export.fetch.usage import Usage
from airflow_provider_convexport.export.stage.partitioner import Counts
from airflow_provider_convexport.export.stage.segment import Segment
from airflow_provider_convexport.export.stage.window_queue import RequestWindow


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """State that an attempt saves for later attempts.

    :param saved_at: Time of saving, in epoch seconds.
    """

    saved_at: float


class Checkpoint(Saved, frozen=True, kw_only=True):
    """The progress of a collection; a later attempt resumes from the newest one that is not too old.

    :param requested_at: When the first request was sent, in epoch seconds; no staged record is older.
    :param windows: Every request window of the run.
    :param segments: All staged segments, possibly of earlier attempts.
    :param counts: How many records have been kept and dropped so far.
    :param usage: What all attempts have requested from the vendor so far.
    """

    requested_at: float
    windows: list[RequestWindow]
    segments: list[Segment]
    counts: Counts
    usage: Usage
