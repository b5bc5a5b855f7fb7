"""Clean data has no gaps, whatever is true of the vendor."""

from __future__ import annotations

import pytest

from airflow_provider_convexport.hooks.vendors import vendors
from tests.support.audits import audit, export_all, verdicts

pytestmark = pytest.mark.usefixtures("long_memory")


@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("vendor", vendors())
def test_an_audit_of_what_was_just_exported_finds_nothing(vendor, hostile, simulator, tmp_path):
    simulator.update(hostile=hostile)
    export_all(vendor, tmp_path)

    outcome = audit(vendor, tmp_path)

    assert verdicts(outcome) == {}
    assert outcome.audited
    assert all(each.audit.ok for each in outcome.audited)
