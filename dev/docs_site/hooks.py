"""Hooks of MkDocs: pages that are files elsewhere in the repository, links to them, and Mermaid.

The site has README.md as its first page, CHANGELOG.md, CONTRIBUTING.md, SECURITY.md and the example Dags as
further pages, so that no text lives twice. Links that lead to these files lead to their pages. A link to
another file of the repository becomes its text alone.
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).parents[2]
MERMAID = Path(sys.prefix) / "mermaid" / "dist" / "mermaid.min.js"
MERMAID_PAGE = "assets/mermaid.min.js"
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "dags_examples": "examples/index.md",
}

_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:[^]\[]|\[[^]]*\])*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of ``docs/``, and Mermaid."""
    added = {page: (REPOSITORY / path).read_text() for path, page in PAGES.items() if path.endswith(".md")}
    examples = sorted((REPOSITORY / "dags_examples").glob("*.py"))
    added["examples/index.md"] = _list_of_examples(examples)
    for path in examples:
        added[f"examples/{path.stem}.md"] = f"# {path.name}\n\n```python\n{path.read_text()}```\n"
    for name, text in added.items():
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, MERMAID_PAGE, content=MERMAID.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Return the text of a page with its links as the site needs them; code stays as it is."""
    own = page.file.src_uri
    return "".join(
        part if part.startswith("```") else _LINK.sub(lambda match: _link(match, own), part)
        for part in _FENCE.split(markdown)
    )


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Return the page; one with a picture loads Mermaid from the site, before the theme looks for it."""
    if 'class="mermaid"' not in output:
        return output
    folder = posixpath.dirname(page.url if page.url.endswith("/") or not page.url else page.url + "/") or "."
    source = posixpath.relpath(MERMAID_PAGE, folder)
    return output.replace("</head>", f'<script src="{source}"></script></head>', 1)


def repository_path(page: str) -> str:
    """Return the file in the repository that a page of the site is made of."""
    for path, name in PAGES.items():
        if name == page:
            return path
    return f"docs/{page}"


def page_of(path: str) -> str | None:
    """Return the page that a file or folder of the repository has in the site, or ``None``."""
    if path in PAGES:
        return PAGES[path]
    if re.fullmatch(r"dags_examples/\w+\.py", path):
        return f"examples/{Path(path).stem}.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else None


def _link(match: re.Match[str], own: str) -> str:
    image, text, target = match.groups()
    path, _, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:", target) or own.startswith("examples/"):
        return match.group()
    source = repository_path(own)
    wanted = page_of(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
    if wanted is None:
        return text
    relative = posixpath.relpath(wanted, posixpath.dirname(own) or ".")
    return f"{image}[{text}]({relative}{'#' if anchor else ''}{anchor})"


def _list_of_examples(paths: list[Path]) -> str:
    lines = ["# Example Dags", "", "Copy one, and change its `start_date` and its destinations.", ""]
    lines += ["| Dag file | what it does |", "| --- | --- |"]
    for path in paths:
        summary = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
        lines.append(f"| [{path.name}]({path.stem}.md) | {' '.join(summary.split())} |")
    return "\n".join([*lines, ""])
