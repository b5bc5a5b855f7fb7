"""The tests' own tables and reader: what they promise to the tests that lean on them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from airflow_provider_convexport.hooks import vendors as registry
from airflow_provider_convexport.hooks.vendors import vendors
from tests.support.published import assert_tidy, named_files, partitions
from tests.support.runs import DAY_1, START, Run
from tests.support.stores import local_store
from tests.support.streams import BY_UPDATE, STREAMS, cases_of
from tests.support.vendors import key_of, scope_of

TESTS = Path(__file__).parent


def test_the_tables_hold_every_stream_of_every_vendor():
    assert {str(case) for case in STREAMS} >= {
        "ada-conversations",
        "ada-messages",
        "agentx-conversations",
        "agentx-messages",
        "applied_labs-conversations",
    }
    assert {str(case) for case in BY_UPDATE} >= {
        "ada-conversations-updated",
        "applied_labs-conversations-last_message_at",
    }
    assert {case.vendor for case in STREAMS} == set(vendors())


def test_the_fields_of_further_times_are_the_vendors_own():
    assert {(case.vendor, case.truth_on) for case in BY_UPDATE} >= {
        ("ada", "date_updated"),
        ("applied_labs", "last_message_at"),
    }


def test_scopes_and_keys_are_those_of_the_simulator():
    assert [scope_of(vendor) for vendor in ("ada", "agentx", "applied_labs")] == [
        {},
        {"bot_name": "support-bot"},
        {"shop_id": "11111111-1111-4111-8111-111111111111"},
    ]
    assert key_of("applied_labs") == "AL-simulated-key"


def test_a_vendor_that_is_registered_has_its_cases(monkeypatch):
    """Under another connection type, Ada's hook and operator stand for those of a new vendor."""
    info = registry.get_provider_info()
    (ada,) = [entry for entry in info["connection-types"] if entry["connection-type"] == "ada"]
    more = info | {"connection-types": [*info["connection-types"], ada | {"connection-type": "acme"}]}
    monkeypatch.setattr(registry, "get_provider_info", lambda: more)

    assert [str(case) for case in cases_of("acme")] == ["acme-conversations", "acme-messages"]


class TestReader:
    @pytest.fixture
    def folder(self, tmp_path):
        run = Run(local_store(tmp_path), ("a", START), ("b", START + 1))
        run.publish()
        run.attempt.finish()
        return tmp_path

    def test_it_returns_the_sorted_lines_of_every_partition(self, folder):
        found = partitions(folder)

        assert {name: len(lines) for name, lines in found.items()} == {DAY_1: 2, "dt=2026-04-02": 0}
        assert found[DAY_1] == sorted(found[DAY_1])
        assert_tidy(folder)

    def test_a_byte_that_was_changed_is_noticed(self, folder):
        (name,) = named_files(folder)
        content = bytearray((folder / name).read_bytes())
        content[-1] ^= 1
        (folder / name).write_bytes(content)

        with pytest.raises(AssertionError):
            partitions(folder)

    @pytest.mark.parametrize(
        ("said", "other"),
        [('"records":2', '"records":3'), ('"uncompressed_bytes":', '"uncompressed_bytes":1')],
    )
    def test_a_number_that_is_wrong_is_noticed(self, folder, said, other):
        manifest = folder / DAY_1 / "_manifest.json"
        text = manifest.read_text()
        assert said in text.replace(": ", ":")
        manifest.write_text(text.replace(": ", ":").replace(said, other))

        with pytest.raises(AssertionError):
            partitions(folder)

    def test_a_file_that_is_not_there_is_noticed(self, folder):
        (name,) = named_files(folder)
        (folder / name).unlink()

        with pytest.raises((AssertionError, FileNotFoundError)):
            partitions(folder)

    def test_a_file_that_no_manifest_names_is_untidy(self, folder):
        (folder / DAY_1 / "part-other").touch()

        with pytest.raises(AssertionError):
            assert_tidy(folder)


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_nothing_is_imported_from_a_conftest_or_a_test_module():
    """Helpers and fixtures lie in tests/support, or in a module of their folder that holds no tests."""
    found = {
        (str(file.relative_to(TESTS)), name)
        for file in TESTS.rglob("*.py")
        for name in imported(file)
        if any(part == "conftest" or part.startswith("test_") for part in name.split("."))
        and name.startswith("tests.")
    }

    assert found == set()
