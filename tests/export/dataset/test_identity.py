from __future__ import annotations

import json

import msgspec
import pytest

from airflow_provider_convexport.errors import ConfigurationError, DestinationUnavailableError
from airflow_provider_convexport.export.dataset.identity import (
    DATASET,
    Dataset,
    ensure_registered,
    is_registered,
    read_dataset,
    register,
)
from airflow_provider_convexport.export.dataset.partition import PartitionGrid
from tests.support.samples import HOUR, days, query


def dataset_of(*, by="day", timezone="UTC", **changes):
    facts = {"scope": {"bot": "b"}, "filters": {"agent": "a"}, "account": "acme.example"}
    return Dataset.of(query(**facts | changes), PartitionGrid(days(1), by, {}, timezone=timezone))


class TestOf:
    def test_it_names_all_that_exports_into_one_destination_have_in_common(self):
        assert json.loads(dataset_of().encode()) == {
            "format_version": 1,
            "vendor": "acme",
            "account": "acme.example",
            "stream": "conversations",
            "scope": ["bot"],
            "filters": {"agent": "a"},
            "window_on": "created",
            "partition_by": "day",
            "partition_timezone": "UTC",
        }

    def test_it_is_written_for_people_too(self):
        text = dataset_of().encode().decode()

        assert text.startswith('{\n "format_version": 1,\n "vendor": "acme",\n')
        assert text.endswith("}\n")

    def test_values_of_the_scope_do_not_matter(self):
        assert dataset_of(scope={"b": "1", "a": "2"}) == dataset_of(scope={"a": "3", "b": "4"})

    def test_what_only_sets_the_pace_does_not_matter(self):
        assert dataset_of(page_size=7, request_window=HOUR) == dataset_of()

    def test_the_zone_matters_for_days_alone(self):
        assert dataset_of(by="interval", timezone="Asia/Tokyo") == dataset_of(by="interval")
        assert dataset_of(by="interval") != dataset_of()


class TestReadDataset:
    def test_an_empty_destination_has_none(self, store):
        assert read_dataset(store) is None

    def test_it_survives_being_written_and_read(self, store):
        dataset = dataset_of(filters={"agent": "Zürich 🙂"})
        register(store, dataset)

        assert read_dataset(store) == dataset
        assert store.find("") == [DATASET]

    def test_a_field_of_a_later_version_does_not_disturb(self, store):
        store.put(DATASET, json.dumps(json.loads(dataset_of().encode()) | {"later": True}).encode())

        assert read_dataset(store) == dataset_of()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\xff\xfe",
            b'{"format_version": 1}',
            msgspec.json.encode([dataset_of()]),
            dataset_of().encode().replace(b'"acme"', b'"\xff"'),
            dataset_of().encode().replace(b'"UTC"', b"null"),
            dataset_of().encode()[:-4],
        ],
    )
    def test_something_else_under_its_name_is_refused(self, memory, content):
        memory.put(DATASET, content)

        with pytest.raises(ConfigurationError) as caught:
            read_dataset(memory)

        assert str(caught.value) == (
            "memory://data/set/_dataset.json is not a description of a dataset of this package; "
            "choose another destination or move it away."
        )


class TestIsRegistered:
    def test_nothing_is_known_of_an_empty_destination(self, store):
        assert not is_registered(store, dataset_of())

    def test_the_same_dataset_is_known(self, store):
        register(store, dataset_of())

        assert is_registered(store, dataset_of(scope={"bot": "other"}))

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("format_version", 2),
            ("vendor", "other"),
            ("account", "other.example"),
            ("stream", "messages"),
            ("scope", ("shop",)),
            ("filters", {}),
            ("window_on", "updated"),
            ("partition_by", "hour"),
            ("partition_timezone", "Asia/Tokyo"),
            ("table", "messages"),
        ],
    )
    def test_another_dataset_is_refused_with_what_is_there_and_here(self, memory, name, other):
        there = dataset_of()
        register(memory, there)

        with pytest.raises(ConfigurationError) as caught:
            is_registered(memory, msgspec.structs.replace(there, **{name: other}))

        assert str(caught.value) == (
            f"memory://data/set holds a dataset with {name}={getattr(there, name)!r}, and this task exports "
            f"{name}={other!r}; give each kind of export a destination of its own."
        )

    def test_every_field_is_compared(self):
        (table,) = [
            mark.args[1]
            for mark in self.test_another_dataset_is_refused_with_what_is_there_and_here.pytestmark
            if mark.name == "parametrize"
        ]

        assert {name for name, _ in table} == set(Dataset.__struct_fields__)


class TestRegister:
    def test_the_first_of_two_stays(self, store):
        register(store, dataset_of())

        with pytest.raises(ConfigurationError, match="holds a dataset with window_on='created'"):
            register(store, dataset_of(window_on="updated"))

        assert read_dataset(store) == dataset_of()

    def test_a_second_of_the_same_kind_is_content_with_the_first(self, store):
        register(store, dataset_of())
        register(store, dataset_of())

        assert read_dataset(store) == dataset_of()


class TestUndecidedWindow:
    def test_what_is_only_assumed_is_not_recorded(self):
        assert dataset_of(window_evidence="assumed").window_on == ""
        assert dataset_of(window_evidence="probe").window_on == "created"

    def test_it_is_recorded_once_it_is_known_and_differs_from_another_then(self, store):
        ensure_registered(store, dataset_of(window_evidence="assumed"))
        assert is_registered(store, dataset_of(window_evidence="assumed"))
        assert not is_registered(store, dataset_of(window_on="updated", window_evidence="probe"))

        ensure_registered(store, dataset_of(window_on="updated", window_evidence="probe"))

        assert read_dataset(store).window_on == "updated"
        assert is_registered(store, dataset_of(window_evidence="assumed"))
        with pytest.raises(ConfigurationError, match="window_on='updated', and this task exports window_on"):
            ensure_registered(store, dataset_of(window_on="created", window_evidence="page"))

    def test_of_concurrent_runs_that_know_it_and_do_not_the_knowledge_stays(self, store):
        known, unknown = dataset_of(window_evidence="probe"), dataset_of(window_evidence="assumed")

        for first, second in ((known, unknown), (unknown, known)):
            register(store, first)
            register(store, second)
            assert read_dataset(store) == known
            store.delete([DATASET])

    def test_a_store_that_never_replaces_it_is_told(self, store, monkeypatch):
        register(store, dataset_of(window_evidence="assumed"))
        monkeypatch.setattr(type(store), "replace", lambda self, name, content, seen: False)

        with pytest.raises(DestinationUnavailableError, match=r"neither written nor as it has to be in 100"):
            register(store, dataset_of(window_evidence="probe"))
