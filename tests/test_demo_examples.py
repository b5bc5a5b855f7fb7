"""The copies of the example Dags that `make demo-ui` makes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dev.cluster.cluster import EXAMPLES
from dev.demo_ui import CATCH_UP, copy_examples

START = re.compile(r"start_date=datetime\((\d+), (\d+), (\d+), tzinfo=UTC\)")


def test_a_copy_that_catches_up_begins_some_days_ago(tmp_path):
    before = datetime.now(UTC)
    copy_examples(tmp_path / "dags")

    copies = {file.name: file.read_text() for file in (tmp_path / "dags").iterdir()}
    assert copies.keys() == {file.name for file in EXAMPLES.glob("*.py")}
    catching_up = [text for text in copies.values() if "catchup=True" in text]
    assert len(catching_up) > 5
    for text in catching_up:
        begin = datetime(*map(int, START.search(text).groups()), tzinfo=UTC)
        assert CATCH_UP <= before - begin < CATCH_UP + timedelta(days=1, minutes=1)


def test_a_copy_that_a_person_has_edited_stays(tmp_path):
    copy_examples(tmp_path / "dags")
    (tmp_path / "dags" / "ada_daily.py").write_text("mine")

    copy_examples(tmp_path / "dags")

    assert (tmp_path / "dags" / "ada_daily.py").read_text() == "mine"
