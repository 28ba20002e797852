"""The pages say what the code does: what they show is an example, what they name is there."""

import ast
import inspect
import json
import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

import flextell_sdk
from flextell_sdk import App, errors
from flextell_sdk.command.exits import MEANINGS
from sdk.tests.pages import EXAMPLES, GUIDES, README, SDK, anchors, blocks, links, prose

PAGES = [README, SDK / "CHANGELOG.md", *GUIDES]
EXAMPLE_TEXTS = {file: file.read_text() for file in sorted(EXAMPLES.glob("*.py"))}
# Its blocks stand for themselves, and are run one by one: see guard/test_guide.py.
GUARD = SDK / "docs" / "guard.md"
SHOWN = [
    pytest.param(block, id=f"{page.stem} {number}")
    for page in (README, *GUIDES)
    for number, block in enumerate(blocks(page, "python"), 1)
    if page != GUARD
]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.mark.parametrize("block", SHOWN)
def test_a_block_of_python_stands_in_an_example_line_for_line(block: str) -> None:
    """Whole or in part; the examples run in tests/together."""
    assert any(f"\n{block}" in f"\n{text}" for text in EXAMPLE_TEXTS.values())


def test_every_example_is_linked_to_from_a_page_or_shown_in_one() -> None:
    linked = {file for page in PAGES for file, _ in links(page)}
    shown = {
        file
        for file, text in EXAMPLE_TEXTS.items()
        if any(block in text for page in PAGES for block in blocks(page, "python"))
    }

    assert set(EXAMPLE_TEXTS) - linked - shown == set()


@every_page
def test_a_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    lost = [
        f"{file.name}#{anchor}"
        for file, anchor in links(page)
        if not file.exists() or (anchor and anchor not in anchors(file))
    ]

    assert lost == []


def test_the_first_twenty_lines_of_the_readme_install_the_sdk_and_are_a_whole_program() -> None:
    first = "\n".join(README.read_text().splitlines()[:20]) + "\n"
    found = re.fullmatch(
        r".*?```sh\npip install [^\n]+\n```.*?```python\n(.*?)```\n.*", first, re.DOTALL
    )

    assert found is not None
    assert found[1] == (EXAMPLES / "call_the_api.py").read_text()


def test_the_readme_can_be_read_at_once() -> None:
    assert len(README.read_text().splitlines()) < 120


def test_the_readme_draws_the_tree_of_errors_as_it_is() -> None:
    drawn = inspect.getdoc(errors)

    assert drawn is not None
    [tree] = blocks(README, "text")
    assert tree == "".join(
        f"{line[4:]}\n" for line in drawn.splitlines() if line.startswith("    ")
    )


def test_every_public_name_is_explained_somewhere() -> None:
    pages = (README, *GUIDES)
    texts = [span for page in pages for span in re.findall(r"`([^`\n]+)`", prose(page))]
    words = set(re.findall(r"\w+", " ".join([*texts, *blocks(README, "text")])))

    assert set(flextell_sdk.__all__) - words == set()


def test_a_module_or_name_of_the_sdk_that_a_page_names_is_there() -> None:
    """Written as `flextell_sdk.…`."""
    named = {n for page in PAGES for n in re.findall(r"`(flextell_sdk(?:\.\w+)+)`", prose(page))}

    assert named
    for name in named:
        resolve_name(name)


def test_the_table_of_exit_codes_is_that_of_the_command() -> None:
    page = SDK / "docs" / "command-line.md"
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", page.read_text(), re.MULTILINE)

    assert {int(code): meaning for code, meaning in rows} == {
        int(c): m for c, m in MEANINGS.items()
    }


def test_the_app_file_of_another_server_makes_an_app(tmp_path: Path) -> None:
    [file] = blocks(SDK / "docs" / "your-own-http-client.md", "json")
    (tmp_path / "other-server.json").write_text(file)
    (tmp_path / "other-server.json").chmod(0o600)
    app = App.from_file(tmp_path / "other-server.json")
    described = json.loads(file)

    assert {name: getattr(app, name) for name in described} == described


@pytest.mark.parametrize("file", EXAMPLE_TEXTS, ids=lambda file: file.stem)
def test_an_example_says_first_what_it_shows(file: Path) -> None:
    said = ast.get_docstring(ast.parse(EXAMPLE_TEXTS[file]))

    assert said
    assert said.splitlines()[0].endswith(".")
