"""The documentation names only files, modules, make targets and anchors that exist."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pytest

REPOSITORY = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for path in (
        *REPOSITORY.glob("*.md"),
        *REPOSITORY.glob("docs/**/*.md"),
        *REPOSITORY.glob("docker/**/*.md"),
    )
)
SUFFIXES = "py|sh|md|ya?ml|toml|txt|json"

# Files that a reader writes, or that an export or Airflow writes.
FILES_OF_READERS = {
    "requirements.txt",
    "my_shop.py",
    "env.sh",
    "_manifest.json",
    "_dataset.json",
    "_audit.json",
    "airflow.cfg",
}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[([^]]*)\]\(([^)\s]+)\)")
FILE = re.compile(rf"(?<![\w./<>*:-])(?:[\w<>*.-]+/)*[\w<>*.-]+\.(?:{SUFFIXES})(?![\w/])")
MODULE = re.compile(r"\bairflow_provider_convexport(?:\.\w+)+")
IMPORT = re.compile(r"from (airflow_provider_convexport[\w.]*) import (\([^)]*\)|[^\n#]*)")
MAKE = re.compile(r"^(?:\$ )?make((?: [a-z][a-z-]*)+)", re.MULTILINE)
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES)


def text_of(page):
    return (REPOSITORY / page).read_text()


def prose_of(page):
    """Return a page without its blocks of code."""
    return FENCE.sub("", text_of(page))


def code_of(page):
    """Return all code of a page, one command a line: its blocks without comments, and inline code."""
    blocks = re.sub(r"(?m)(^|\s)#.*$", "", "\n".join(block for _, block in FENCE.findall(text_of(page))))
    return "\n".join([blocks, *INLINE_CODE.findall(prose_of(page))])


@cache
def files_of_the_repository():
    """Return all paths of files; folders with a leading dot are environments and caches."""
    found = []
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [(Path(folder) / name).relative_to(REPOSITORY).as_posix() for name in names]
    return found


def is_a_file(name, files):
    """Tell whether a name, or the end of a path, is a file; ``<vendor>`` stands for any text."""
    pattern = re.sub(r"<\w+>", "*", name.removeprefix("./"))
    return any(fnmatch(file, pattern) or fnmatch(file, f"*/{pattern}") for file in files)


def missing_files(code, files):
    names = {name for name in FILE.findall(code) if PurePosixPath(name).name not in FILES_OF_READERS}
    return sorted(name for name in names if not is_a_file(name, files))


def is_importable(name):
    """Tell whether a dotted name is a module, or an attribute of one."""
    *parents, last = name.split(".")
    try:
        import_module(name)
    except ModuleNotFoundError:
        try:
            return hasattr(import_module(".".join(parents)), last)
        except ModuleNotFoundError:
            return False
    return True


def missing_modules(text):
    imported = {
        f"{module}.{name.split(' as ')[0].strip()}"
        for module, names in IMPORT.findall(text)
        for name in names.strip("()").split(",")
        if name.strip()
    }
    return sorted(name for name in {*MODULE.findall(text), *imported} if not is_importable(name))


def anchors_of(text):
    """Return the anchors that GitHub gives to the headings of a page."""
    anchors = set()
    unlinked = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", FENCE.sub("", text))
    for title in re.findall(r"^#{1,6} +(.+?) *$", unlinked, re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        count = 1
        while anchor in anchors:
            anchor, count = f"{anchor.removesuffix(f'-{count - 1}')}-{count}", count + 1
        anchors.add(anchor)
    return anchors


def broken_links(page, text):
    """Return the relative links of a page that lead to no file, or to no heading of a page."""
    broken = []
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        if not target.exists() or (
            anchor and anchor not in anchors_of(text if not path else target.read_text())
        ):
            broken.append(link)
    return broken


def missing_targets(code):
    targets = set(TARGET.findall((REPOSITORY / "Makefile").read_text()))
    named = {name for names in MAKE.findall(code) for name in names.split()}
    return sorted(named - targets)


@each_page
def test_files_that_a_page_names_exist(page):
    assert missing_files("\n".join(INLINE_CODE.findall(prose_of(page))), files_of_the_repository()) == []


@each_page
def test_modules_and_imports_that_a_page_names_exist(page):
    assert missing_modules(text_of(page)) == []


@each_page
def test_links_and_anchors_of_a_page_lead_somewhere(page):
    assert broken_links(page, text_of(page)) == []


@each_page
def test_make_targets_that_a_page_names_exist(page):
    assert missing_targets(code_of(page)) == []


def pictures():
    return sorted((REPOSITORY / "docs" / "images").glob("*"))


@pytest.mark.parametrize("picture", pictures(), ids=lambda path: path.name)
def test_a_picture_is_small_and_no_wider_than_a_page(picture):
    content = picture.read_bytes()

    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(content[16:20]) <= 1280
    assert len(content) < 120_000


def test_each_picture_is_shown_with_a_text_for_those_who_do_not_see_it():
    found = [found for page in PAGES for found in PICTURE.findall(text_of(page))]

    assert pictures()
    assert {PurePosixPath(path).name for _, path in found} == {path.name for path in pictures()}
    assert all(len(words.split()) > 5 for words, _ in found)


def test_contributing_shows_what_make_help_prints():
    documented = dict(
        re.findall(r"^([a-z-]+): .*?## (.+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    )
    block = next(block for _, block in FENCE.findall(text_of("CONTRIBUTING.md")) if "$ make help" in block)

    assert dict(re.findall(r"^([a-z-]+)  +(.+)$", block, re.MULTILINE)) == documented


class TestTheseChecks:
    @pytest.mark.parametrize(
        ("code", "missing"),
        [
            ("hooks/ada.py", []),
            ("ada.py", []),
            ("hooks/<vendor>.py", []),
            ("hooks/eve.py and da.py", ["da.py", "hooks/eve.py"]),
            ("hooks/<vendor>.txt", ["hooks/<vendor>.txt"]),
            ("pip install -r requirements.txt", []),
            ("https://example.com/none.md", []),
        ],
    )
    def test_a_missing_file_is_found(self, code, missing):
        assert missing_files(code, ["airflow_provider_convexport/hooks/ada.py"]) == missing

    @pytest.mark.parametrize(
        ("text", "missing"),
        [
            ("`airflow_provider_convexport.errors.ConfigurationError`", []),
            ("from airflow_provider_convexport.errors import ConfigurationError, Lost",
             ["airflow_provider_convexport.errors.Lost"]),
            ("python -m airflow_provider_convexport.backfill", ["airflow_provider_convexport.backfill"]),
            ("from airflow_provider_convexport.hooks.eve import (\n    EveHook,\n)",
             ["airflow_provider_convexport.hooks.eve", "airflow_provider_convexport.hooks.eve.EveHook"]),
        ],
    )  # fmt: skip
    def test_a_missing_module_is_found(self, text, missing):
        assert missing_modules(text) == missing

    @pytest.mark.parametrize(
        ("link", "is_broken"),
        [
            ("docs/limits.md", False),
            ("docs/limits.md#none-such", True),
            ("docs/none.md", True),
            ("#a-heading-of-code", False),
            ("#a-heading-of-code-1", False),
            ("#a-heading-of-code-2", True),
            ("https://example.com/none", False),
        ],
    )
    def test_a_broken_link_is_found(self, link, is_broken):
        text = f"## A heading of `code`\n\n[link]({link})\n\n## A heading of code\n"

        assert broken_links("README.md", text) == ([link] if is_broken else [])

    def test_a_missing_make_target_is_found(self):
        assert missing_targets("make lint types\n$ make fly\nfiles that make up a partition") == ["fly"]
