"""Moves the clock of a Python process by ``$CONVEXPORT_CLOCK_OFFSET`` seconds, if that is set; it goes on.

`dev.docs_room` has this folder in the ``PYTHONPATH`` of the commands that it runs, so that all of them agree
on the date. Waiting and `time.monotonic` are not touched.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import time_machine

if offset := os.environ.get("CONVEXPORT_CLOCK_OFFSET"):
    time_machine.travel(datetime.now(UTC) + timedelta(seconds=int(offset)), tick=True).start()
