"""A month of conversations that go on to change, exported every day as the daily example of each vendor does.

The simulator's clock, and that of the exports, is set to the moment at which a day has settled; then the
tasks of that day run. What is published at the end is compared with what the vendor has at that time. A
record is stale if its newest published version is not the vendor's. It is as old as the first change that is
missing. The views over the tables of all datasets show the same versions.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import urlsplit

import pendulum
import pytest

from airflow_provider_convexport import operators
from airflow_provider_convexport.export.run import Export
from airflow_provider_convexport.export.window import Window, utc
from airflow_provider_convexport.hooks.vendors import hook_of, vendors
from tests.support.current_state import current_records, engine_over, make_all_tables
from tests.support.exports import export
from tests.support.published import manifests, partitions
from tests.support.samples import DAY
from tests.support.streams import MIDNIGHT, case_of, cases_by_update

pytestmark = pytest.mark.slow
DAGS = Path(__file__).parents[2] / "dags_examples"
DAYS = 30
FIRST = MIDNIGHT - (DAYS + 2) * DAY
END = FIRST + DAYS * DAY
REACH = 8 * DAY
"""How long a day is looked at: on its own run, and on the seven runs after it."""
MINUTE = timedelta(minutes=1)

# The time at which a record was last changed, for vendors that say so.
CHANGED = {
    ("ada", "conversations"): "date_updated",
    ("ada", "messages"): "record_last_updated",
    ("applied_labs", "conversations"): "updated_at",
}


@dataclass(frozen=True)
class Task:
    """One task of an example Dag."""

    case: object
    destination: str
    arguments: dict

    @property
    def looks_back(self):
        return "lookback" in self.arguments

    def run(self, day):
        export(self.case, self.destination, day, day + DAY, **self.arguments)


def tasks_of(vendor, root, monkeypatch):
    """The export tasks of a vendor's daily example, in its order, for one shop or bot."""
    monkeypatch.setenv("AIRFLOW_VAR_CONVEXPORT_ROOT", root.as_uri())
    dag = runpy.run_path(str(DAGS / f"{vendor}_daily.py"))["dag"]
    return [
        task_of(vendor, getattr(task, "partial_kwargs", None) or vars(task))
        for task in dag.topological_sort()
    ]


def task_of(vendor, settings):
    stream, window_on = settings.get("stream", "conversations"), settings.get("window_on")
    cases = [case_of(vendor, stream), *cases_by_update(vendor)]
    case = next(each for each in cases if (each.stream, each.window_on) == (stream, window_on))
    names = ("lookback", "skip_unchanged")
    arguments = {name: settings[name] for name in names if settings.get(name)}
    return Task(case, urlsplit(settings["destination"]).path, arguments)


@dataclass
class Stale:
    """A record whose newest published version is not the vendor's.

    :param record: The vendor's record at the end; ``None`` if it was deleted.
    :param published: The newest published version; ``None`` if there is none.
    :param begun: The time by which it belongs to a day.
    :param find_since: Returns when the first change that is missing happened.
    """

    record: dict | None
    published: dict | None
    begun: datetime
    find_since: Callable[[], datetime]

    @cached_property
    def since(self):
        return self.find_since()


@dataclass
class Month:
    """A vendor's month, and what was known of it each day.

    :param set_clock: Sets the clock of the exports. By the machine's own they would publish several days in
        the same second.
    :param clocks: The times at which the days were exported.
    :param known: For each stream, what the vendor had at each of these times, by id.
    """

    simulator: object
    vendor: str
    set_clock: Callable[[datetime], None]
    clocks: list = field(default_factory=list)
    known: dict = field(default_factory=dict)

    def run(self, tasks):
        settle = settle_of(self.vendor)
        for number in range(DAYS):
            day = FIRST + number * DAY
            clock = day + DAY + settle
            self.simulator.update(now=clock.isoformat())
            self.set_clock(clock)
            for task in tasks:
                task.run(day)
            self.clocks.append(clock)
            for stream in hook_of(self.vendor).streams:
                self.known.setdefault(stream, []).append(self.truth(stream, FIRST, END))
        return self

    def truth(self, stream, start, end):
        """What the vendor has now, by id."""
        identity = case_of(self.vendor, stream).definition.id_field
        records = self.simulator.truth(self.vendor, stream, start, end)
        return {json.loads(record)[identity]: record for record in records}

    def changed(self, stream):
        """How many records of the month are not as they were when their day was first exported."""
        first = {}
        for versions in self.known[stream]:
            for identity, record in versions.items():
                first.setdefault(identity, record)
        now = self.known[stream][-1]
        return sum(1 for identity, record in first.items() if now.get(identity) != record)

    def stale(self, stream, published):
        """The stale records of the month, and the deleted ones that are still published."""
        now = self.known[stream][-1]
        ids = [each for each in {**now, **published} if now.get(each) != published.get(each)]
        return [self._stale(stream, each, published.get(each)) for each in ids]

    def _stale(self, stream, identity, line):
        versions = [version.get(identity) for version in self.known[stream]]
        begun = self.begun(stream, next(version for version in reversed(versions) if version is not None))
        record, published = (None if each is None else json.loads(each) for each in (versions[-1], line))
        return Stale(record, published, begun, lambda: self._since(stream, identity, line, begun))

    def _since(self, stream, identity, line, begun):
        """When a record ceased to be as it is published, to the minute."""
        seen = [number for number, version in enumerate(self.known[stream]) if version.get(identity) == line]
        low, high = (self.clocks[seen[-1]], self.clocks[seen[-1] + 1]) if seen else (begun, self.clocks[0])
        while low + MINUTE < high:
            middle = low + (high - low) / 2
            self.simulator.update(now=middle.isoformat())
            day = midnight(begun)
            same = self.truth(stream, day, day + DAY).get(identity) == line
            low, high = (middle, high) if same else (low, middle)
        return high

    def begun(self, stream, record):
        name = next(iter(case_of(self.vendor, stream).definition.time_fields.values()))
        value = json.loads(record)[name]
        return utc(pendulum.parse(value) if isinstance(value, str) else pendulum.from_timestamp(value))


def newest(tasks, month, stream):
    """The newest version of each record of the month in all datasets of a stream, by id.

    What the dataset by time of creation does not hold any more was deleted; the dataset of changes still has
    it.
    """
    identity = case_of(month.vendor, stream).definition.id_field
    by_creation, found = set(), {}
    for task in {task.destination: task for task in tasks if task.case.stream == stream}.values():
        for asked, line in published(Path(task.destination)):
            record = json.loads(line)
            version = (record.get(CHANGED.get((month.vendor, stream)), ""), asked, line)
            found[record[identity]] = max(found.get(record[identity], ("", "", b"")), version)
            if task.case.window_on is None and month.begun(stream, line) >= FIRST:
                by_creation.add(record[identity])
    return {each: line for each, (_, _, line) in found.items() if each in by_creation}


def assert_views_show(expected, ran, tasks, folder):
    """The views over the tables of all datasets show exactly the newest versions, byte for byte."""
    make_all_tables({Path(task.destination) for task in tasks}, folder, Window(FIRST, END))
    with engine_over(folder) as engine:
        for stream, records in expected.items():
            found = current_records(engine, stream)
            of_the_month = {each for each, line in found.items() if ran.begun(stream, line) >= FIRST}
            assert {each: found[each] for each in of_the_month} == records
        if "messages" not in expected:
            inline = [
                message
                for line in current_records(engine, "conversations").values()
                for message in json.loads(line)["messages"]
            ]
            shown = {each: json.loads(line) for each, line in current_records(engine, "messages").items()}
            assert shown == {message["id"]: message for message in inline}


def published(destination):
    """Every published line of a dataset, with the time at which its partition was asked for."""
    asked = {name: manifest["requested_at"] for name, manifest in manifests(destination).items()}
    return [(asked[name], line) for name, lines in partitions(destination).items() for line in lines]


@pytest.fixture
def month(simulator, tmp_path, monkeypatch):
    """Runs a month of a vendor with some of the tasks of its example; returns what is stale, by stream."""

    def set_clock(clock):
        monkeypatch.setattr(operators.base, "Export", partial(Export, now=clock.timestamp))

    def run(vendor, chosen=lambda task: True, *, views=False, **switches):
        simulator.update(living=True, records=1_600, **switches)
        tasks = [task for task in tasks_of(vendor, tmp_path, monkeypatch) if chosen(task)]
        ran = Month(simulator, vendor, set_clock).run(tasks)
        assert all(ran.changed(stream) > 20 for stream in ran.known if stream not in NEVER_CHANGE[vendor])
        found = {stream: newest(tasks, ran, stream) for stream in ran.known}
        if views:
            assert_views_show(found, ran, tasks, tmp_path / "tables")
        return {stream: ran.stale(stream, records) for stream, records in found.items()}

    return run


def midnight(moment):
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def settle_of(vendor):
    return max(stream.settle for stream in hook_of(vendor).streams.values())


def after_last_look(vendor, stale):
    """Whether a record changed when its day had been exported for the last time."""
    return stale.since > min(midnight(stale.begun) + REACH, END) + settle_of(vendor)


def changed_again(stale, name):
    """Whether a record changed on the last day, and once more before that day was exported.

    A window by a time that moves does not hold it then; the next run finds it.
    """
    return stale.since >= END - DAY and stale.record[name] >= f"{END:%Y-%m-%dT%H:%M:%S}"


def threads(stale):
    """The ids of the messages in both versions of a conversation of Applied Labs."""
    return [[message["id"] for message in each["messages"]] for each in (stale.record, stale.published)]


def stale_conversation_of_ada(vendor, stale):
    return stale.record is None or changed_again(stale, "date_updated")


def stale_conversation_of_applied_labs(vendor, stale):
    if stale.record is None or stale.record["last_message_at"] is None:
        return after_last_look(vendor, stale)
    here, there = threads(stale)
    if here == there:
        return after_last_look(vendor, stale)
    return changed_again(stale, "last_message_at")


def deleted_after_last_look(vendor, stale):
    return stale.record is None and after_last_look(vendor, stale)


# What may be stale with the daily pattern of each vendor, and nothing else.
MAY_BE_STALE = {
    ("ada", "conversations"): stale_conversation_of_ada,
    ("ada", "messages"): after_last_look,
    ("agentx", "conversations"): after_last_look,
    ("agentx", "messages"): deleted_after_last_look,
    ("applied_labs", "conversations"): stale_conversation_of_applied_labs,
}
MAY_BE_STALE = {
    key: (lambda stale, vendor=key[0], rule=rule: rule(vendor, stale)) for key, rule in MAY_BE_STALE.items()
}
# The age of the oldest stale record that the vendor still has.
BOUNDS = {
    ("ada", "conversations"): DAY + settle_of("ada"),
    ("ada", "messages"): DAYS * DAY - REACH,
    ("agentx", "conversations"): DAYS * DAY - REACH,
    ("agentx", "messages"): timedelta(0),
    ("applied_labs", "conversations"): DAYS * DAY - REACH,
}
NEVER_CHANGE = {"ada": (), "agentx": ("messages",), "applied_labs": ()}


def oldest(vendor, found):
    """How old the oldest stale record is when the last day is exported."""
    return max((END + settle_of(vendor) - each.since for each in found), default=timedelta(0))


@pytest.mark.parametrize("vendor", vendors())
def test_the_newest_state_of_every_record_is_published_but_for_what_changed_after_the_last_look(
    month, vendor
):
    for stream, found in month(vendor, views=True).items():
        kept = [each for each in found if each.record is not None]
        age, bound = oldest(vendor, kept), BOUNDS[vendor, stream]
        print(
            f"{vendor} {stream}: {len(kept)} stale, the oldest since {age}; {len(found) - len(kept)} deleted"
        )

        assert not [each for each in found if each.published is None]
        assert not [each for each in found if not MAY_BE_STALE[vendor, stream](each)]
        assert age <= bound, f"The oldest stale record of {vendor} {stream} is {age} old, more than {bound}."


def test_if_agentx_selects_by_the_last_action_the_newest_state_is_published_just_so(month):
    """A conversation is in the partition of its last action; earlier days do not contain it any more."""

    def may_be_stale(stale):
        if stale.record is None:
            return True  # its last action is not known any more
        if stale.published is None:
            return stale.record["lastActionAt"] >= f"{END:%Y-%m-%dT%H:%M:%S}"  # the next run finds it
        last_look = min(midnight(pendulum.parse(stale.published["lastActionAt"])) + REACH, END)
        return changed_again(stale, "lastActionAt") or stale.since > last_look + settle_of("agentx")

    found = month("agentx", agentx_conversation_filter="lastActionAt")["conversations"]

    assert not [each for each in found if not may_be_stale(each)]
    kept = [each for each in found if each.record is not None]
    assert oldest("agentx", kept) <= BOUNDS["agentx", "conversations"]


@pytest.mark.parametrize("vendor", vendors())
def test_the_export_of_each_day_alone_leaves_records_stale_that_the_pattern_would_have_seen(month, vendor):
    found = month(vendor, chosen=lambda task: task.case.window_on is None and not task.looks_back)

    for stream in set(found) - set(NEVER_CHANGE[vendor]):
        sample = found[stream][:30]
        wrong = [each for each in sample if not MAY_BE_STALE[vendor, stream](each)]
        assert len(wrong) > 5
        assert oldest(vendor, wrong) > BOUNDS[vendor, stream]


def test_without_the_active_conversations_replies_to_old_threads_of_applied_labs_are_lost(month):
    found = month("applied_labs", chosen=lambda task: task.case.window_on is None)["conversations"]

    shorter = [each for each in found if each.record is not None and len(set(map(len, threads(each)))) > 1]
    assert [each for each in shorter if each.record["last_message_at"] is not None]
