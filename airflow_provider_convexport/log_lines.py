"""Breaks long messages of a task's log into lines that Airflow's UI shows as a whole.

The UI shows the line breaks of a message, but does not wrap its lines unless the reader asks for it. In a
window of 1,280 pixels, it cuts off the first line of a message after 88 characters.
"""

from __future__ import annotations

import textwrap

_WIDTH = 80


def in_lines(text: object) -> str:
    """Return a text in lines of at most 80 characters; words, such as URLs, stay whole."""
    return textwrap.fill(str(text), _WIDTH, break_long_words=False, break_on_hyphens=False)
