"""The outputs that the documentation shows, how they are compared, and what else belongs to its site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dev.docs_pages import blocks_of, difference, pages, replaced, shows_command, unmarked
from dev.docs_runs import SCENARIOS
from dev.docs_scenarios import NothingShownError, Scenario, Step, answer, narrow, our_log, report, table
from dev.docs_site.check_hosts import loads_of, problems_of

REPOSITORY = Path(__file__).parents[1]
BLOCKS = [block for page in pages() for block in blocks_of(page)]
IMPORT = re.compile(r"from (airflow_provider_convexport\.[\w.]+) import")
API = "\n".join(path.read_text() for path in (REPOSITORY / "docs" / "api").glob("*.md"))


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_each_output_of_a_page_says_what_makes_or_proves_it(page):
    assert unmarked(page.read_text()) == []


def test_every_comment_before_a_block_is_of_a_known_kind():
    unknown = [
        f"{block.page}: {block.marker}"
        for block in BLOCKS
        if not re.fullmatch(
            r"form|output: [\w.-]+|tested by tests/\S+\.py::test_\w+|measured: .+", block.marker
        )
    ]

    assert unknown == []


def test_the_tests_that_prove_an_output_exist():
    named = [block.marker.removeprefix("tested by ").split("::") for block in BLOCKS if "::" in block.marker]

    assert named
    for path, name in named:
        assert f"def {name}(" in (REPOSITORY / path).read_text()


def test_every_output_of_a_page_is_made_by_one_scenario_and_every_made_output_is_shown():
    made = [name for scenario in SCENARIOS for step in scenario.steps for name in step.shows]

    assert sorted(made) == sorted(set(made))
    assert {block.output for block in BLOCKS if block.output} == set(made)


@pytest.mark.parametrize(
    ("page", "command"),
    [(step.page or one.page, step.command) for one in SCENARIOS for step in one.steps if step.told],
    ids=lambda text: text[-50:],
)
def test_a_page_has_the_commands_that_are_run_for_it(page, command):
    assert shows_command(page, command)


def test_readme_has_two_screens():
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 120


def test_every_page_stands_in_the_list_of_the_site():
    listed = set(re.findall(r"(\S+\.md)$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE))
    folder = REPOSITORY / "docs"
    found = {path.relative_to(folder).as_posix() for path in pages() if path.is_relative_to(folder)}

    assert found - listed == set(), "add these pages to the list `nav` in mkdocs.yml"


def test_every_module_that_pages_and_example_dags_import_has_an_api_reference():
    texts = [path.read_text() for path in (*pages(), *(REPOSITORY / "dags_examples").glob("*.py"))]
    imported = {module for text in texts for module in IMPORT.findall(text)}

    assert len(imported) > 15
    assert sorted(module for module in imported if f"::: {module}\n" not in API) == []


class TestComparison:
    @pytest.mark.parametrize(
        ("shown", "printed"),
        [
            ("committed 2026-11-22T03:00:24Z", "committed 2026-11-22T05:01:02.123Z"),
            ("part-0123456789abcdef-00000.jsonl.gz", "part-fedcba9876543210-00000.jsonl.gz"),
            ("Ran ada_daily.py in 8.7 s.", "Ran ada_daily.py in 19 s."),
            ("1 request, 0\ns waited", "1 request,\n12 s waited"),
            ("1 file, 12093 bytes", "1 file, 12500 bytes"),
            ('"bytes": 12093,', '"bytes": 12094,'),
            ("1  15,179  ada/conversations/dt=2026-11-19", "1  15,900  ada/conversations/dt=2026-11-19"),
            ("at http://127.0.0.1:8600;", "at http://127.0.0.1:41234;"),
        ],
    )
    def test_times_ids_durations_ports_and_nearly_equal_sizes_do_not_count(self, shown, printed):
        assert difference(shown, printed) is None

    @pytest.mark.parametrize(
        ("shown", "printed"),
        [
            ("104 records", "105 records"),
            ("of 2026-11-18T00:00:00Z", "of 2026-11-19T00:00:00Z"),
            ("1 file, 12093 bytes", "1 file, 24000 bytes"),
            ("1 file, 12093 bytes", "2 files, 12093 bytes"),
            ("counted", "counted twice"),
            ("first\nsecond", "second\nfirst"),
        ],
    )
    def test_everything_else_counts(self, shown, printed):
        assert difference(shown, printed) is not None

    def test_an_output_replaces_its_own_block_only(self):
        text = "<!-- output: a -->\n```text\nold\n```\n\n<!-- output: b -->\n```text\nold\n```\n"

        assert replaced(text, "b", "new\n") == (
            "<!-- output: a -->\n```text\nold\n```\n\n<!-- output: b -->\n```text\nnew\n```\n"
        )

    def test_a_block_without_a_comment_right_before_it_is_found(self):
        assert unmarked("<!-- form -->\n```text\na\n```\n\n```text\nb\n```\n\n```python\nc\n```\n") == ["b"]


class TestWhatIsShown:
    def test_a_log_has_the_messages_of_this_package_sorted_by_task(self):
        printed = (
            "2026-11-22T03:00:06.953957Z [info     ] Filling up the DagBag [airflow.dagbag] loc=x.py:1\n"
            "2026-11-22T03:00:07.953957Z [info     ] Exporting b. [airflow_provider_convexport.b]\n"
            "2026-11-22T03:00:08.953957Z [info     ] Exported 3 records in\n"
            "2026-11-18T00:00:00Z..2026-11-19T00:00:00Z. [airflow_provider_convexport.summary] loc=x.py:2\n"
            "2026-11-22T03:00:09.953957Z [warning  ] Exporting a. [airflow_provider_convexport.b]\n"
        )

        assert our_log(printed) == (
            "Exporting a.\nExporting b.\nExported 3 records in\n2026-11-18T00:00:00Z..2026-11-19T00:00:00Z.\n"
        )

    def test_long_lines_are_cut(self):
        assert narrow(f"{'a' * 110}\n{'b' * 111}\n") == f"{'a' * 110}\n{'b' * 109}…\n"

    def test_an_answer_comes_after_what_other_commands_print(self):
        assert answer("Added.\nAda answered and accepted the key.\nMore.\n") == (
            "Ada answered and accepted the key.\nMore.\n"
        )

    def test_a_table_ends_with_its_frame(self):
        assert table("a\n┌─┐\n│1│\n└─┘\n\n624\n") == "┌─┐\n│1│\n└─┘\n"

    def test_the_report_is_the_last_table(self):
        assert report("\nvendor  stream\nada  x\n\nvendor  day\nada  1\n\nNext\n") == "vendor  day\nada  1\n"


class TestHosts:
    @pytest.mark.parametrize(
        "html",
        [
            '<script src="https://unpkg.com/mermaid"></script>',
            '<link rel="stylesheet" href="//fonts.example.com/css">',
            '<img src="http://example.com/a.png">',
            "<style>@import 'https://example.com/a.css';</style>",
        ],
    )
    def test_what_a_page_loads_from_another_host_is_found(self, html):
        assert len(loads_of(html)) == 1

    def test_links_and_own_files_are_no_problem(self, tmp_path):
        page = '<a href="https://a.b">x</a><script src="../a.js"></script><link rel="canonical" href="https://a.b">'
        (tmp_path / "index.html").write_text(page)
        (tmp_path / "a.css").write_text("a { background: url(../b.svg) }")

        assert problems_of(tmp_path) == []

    def test_a_style_sheet_that_loads_from_another_host_is_named(self, tmp_path):
        (tmp_path / "a.css").write_text("a { background: url('https://example.com/b.svg') }")

        assert problems_of(tmp_path) == ["a.css loads something from another host"]


class FakeRoom:
    """Prints the same, whatever the command."""

    def __init__(self, printed):
        self.printed = printed

    def run(self, command, *, status):
        return self.printed


class TestScenario:
    def test_an_output_is_what_the_page_shows_of_it(self):
        scenario = Scenario("docs/faq.md", (Step("command", {"a": str.upper}),))

        assert scenario.run(FakeRoom("text\n")) == {"a": "TEXT\n"}

    def test_an_empty_output_is_refused(self):
        with pytest.raises(NothingShownError, match=r"command printed nothing that a shows\."):
            Scenario("docs/faq.md", (Step("command", {"a": our_log}),)).run(FakeRoom("no log\n"))

    def test_a_number_in_a_comment_must_be_printed(self):
        step = Step("print(sum(numbers))  # 208")

        Scenario("docs/faq.md", (step,)).run(FakeRoom("208\n"))
        with pytest.raises(NothingShownError, match="says 208; printed was 2080"):
            Scenario("docs/faq.md", (step,)).run(FakeRoom("2080\n"))
