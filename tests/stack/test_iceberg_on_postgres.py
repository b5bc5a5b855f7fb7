from __future__ import annotations

import pytest

from tests.support.iceberg_processes import eight_writers


def test_eight_processes_write_eight_days_at_once_with_a_catalog_in_postgresql(tmp_path, postgres):
    pytest.importorskip("psycopg2")

    eight_writers(tmp_path, postgres)
