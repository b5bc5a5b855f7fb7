"""Single records that are left out, late or changed; the vendors' other records are as before."""

from __future__ import annotations

import json

import pytest

from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from airflow_provider_convexport.simulator.server import running
from airflow_provider_convexport.simulator.settings import SimulatorSettings
from tests.support.audits import AUDITED
from tests.support.connections import connections_to, define
from tests.support.samples import DAY

NOON = f"{AUDITED + 10 * DAY:%Y-%m-%dT12:00:00Z}"


@pytest.fixture(params=[(vendor, name) for vendor in vendors() for name in hook_of(vendor).streams], ids=str)
def stream(request):
    return request.param


@pytest.fixture
def simulator(no_pacing, long_memory, monkeypatch):
    with running(SimulatorSettings(records=1_200, limits=False, hostile=True)) as simulator:
        define(monkeypatch, connections_to(simulator))
        yield simulator


def served(vendor, name):
    """The records of the audited day, by id, as the hook reads them."""
    hook = hook_of(vendor)()
    query = hook.query(stream=name)
    found = hook._records(query, AUDITED, AUDITED + DAY)
    return {each[query.stream.id_field]: each for each in found}


@pytest.mark.parametrize("pages", [{}, {"max_page": 5}, {"shuffle": True, "page_overlap": 1}], ids=str)
def test_a_record_is_left_out_and_no_other(stream, pages, simulator):
    vendor, name = stream
    before = served(vendor, name)
    gone = sorted(before)[1]
    simulator.update(leave_out=(f"{vendor}/{name}/{gone}",), **pages)

    assert served(vendor, name) == {key: each for key, each in before.items() if key != gone}


def test_a_record_is_late_until_the_clock_says_so(stream, simulator):
    vendor, name = stream
    before = served(vendor, name)
    late = sorted(before)[0]
    simulator.update(leave_out=(f"{vendor}/{name}/{late}@{NOON}",), now=NOON.replace("12:00:00", "11:59:59"))

    assert late not in served(vendor, name)
    simulator.update(now=NOON)
    assert served(vendor, name) == before


def test_a_record_is_changed_since_a_time(stream, simulator):
    vendor, name = stream
    before = served(vendor, name)
    key = sorted(before)[0]
    simulator.update(change=(f"{vendor}/{name}/{key}@{NOON}",), now=NOON.replace("12:00:00", "11:59:59"))

    assert served(vendor, name) == before
    simulator.update(now=NOON)
    assert served(vendor, name) == {**before, key: {**before[key], "changed_by_simulator": True}}


def test_the_truth_does_not_depend_on_it(simulator):
    before = simulator.truth("ada", "messages", AUDITED, AUDITED + DAY)
    simulator.update(leave_out=(f"ada/messages/{json.loads(before[0])['_id']}",))

    assert simulator.truth("ada", "messages", AUDITED, AUDITED + DAY) == before


@pytest.mark.parametrize("text", ["ada/messages", "ada//x", "a/b/c/d", "ada/messages/x@", "ada/x/y@noon"])
def test_a_text_that_names_no_record_is_refused(text):
    with pytest.raises(ValueError, match=r"is not VENDOR/STREAM/ID|Invalid isoformat"):
        SimulatorSettings(leave_out=(text,))
