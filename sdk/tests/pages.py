"""The pages that come with the SDK, and what stands in their blocks of code."""

import re
from collections.abc import Iterator
from pathlib import Path

SDK = Path(__file__).parents[1]
README = SDK / "README.md"
GUIDES = sorted((SDK / "docs").glob("*.md"))
EXAMPLES = SDK / "examples"

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of one language, in order."""
    return [code for found, code in _FENCED.findall(page.read_text()) if found == language]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _FENCED.sub("", page.read_text())


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Each file of ours that the page links to, and the heading in it, if it names one."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path if path else page).resolve(), anchor


def anchors(page: Path) -> set[str]:
    """What its headings are called in addresses."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}
