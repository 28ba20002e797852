"""The documentation says what the code does: made pages are fresh, what is named exists, runs."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from docs import generate
from flextell import cli, management, metrics
from flextell.api import routes as api
from flextell.oauth.grants import refresh_token
from flextell.settings import Settings
from flextell.web import routes as web

ROOT = generate.ROOT
README = ROOT / "README.md"
# Variables that are no settings: where the tests find a database, how a password is handed over.
OTHER_VARIABLES = {"FLEXTELL_TEST_DATABASE", "FLEXTELL_PASSWORD", "FLEXTELL_TOKEN_KEY"}


def texts() -> list[Path]:
    """Every Markdown file of the project."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f[0] != "." and f != "node_modules")
        found += [Path(folder, name) for name in sorted(files) if name.endswith(".md")]
    return found


TEXTS = texts()
every_text = pytest.mark.parametrize(
    "text", TEXTS, ids=[text.relative_to(ROOT).as_posix() for text in TEXTS]
)

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def prose(text: Path) -> str:
    """The file without its blocks of code."""
    return _FENCED.sub("", text.read_text())


def shell_lines(text: Path) -> Iterator[str]:
    """The lines of its blocks of shell, continued lines joined."""
    for language, block in _FENCED.findall(text.read_text()):
        if language in ("", "sh", "bash"):
            yield from block.replace("\\\n", " ").splitlines()


def spans(text: Path) -> list[str]:
    """What stands between backticks in its prose."""
    return re.findall(r"`([^`\n]+)`", prose(text))


# ── Made pages ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", generate.PAGES)
def test_a_made_page_is_what_the_code_says(name: str) -> None:
    """Else: python docs/generate.py"""
    assert (generate.DOCS / name).read_text() == generate.PAGES[name]()


def test_the_rule_of_rotation_stands_in_its_page() -> None:
    """The page explains the very table that judges refresh tokens."""
    assert refresh_token.printed() in (generate.DOCS / "rotation.md").read_text()


def test_a_changed_page_is_noticed_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check fails on a page that was edited by hand; without it the page is made anew."""
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    before = (ROOT / "docs" / "rotation.md").read_text()
    (tmp_path / "rotation.md").write_text(before.replace("the ordinary refresh", "a wish"))

    assert generate.main(["--check"]) == 1
    assert "docs/rotation.md is not what the code says" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert (tmp_path / "rotation.md").read_text() == before


@pytest.mark.parametrize(
    ("docstring", "citations"),
    [
        (
            "Proof (RFC 7636 §4.6; RFC 9700\n    §2.1.1).",
            {("RFC 7636", "4.6"), ("RFC 9700", "2.1.1")},
        ),
        ("Codes (RFC 6749 §4.1.2, §5.2).", {("RFC 6749", "4.1.2"), ("RFC 6749", "5.2")}),
        ("Revoking (RFC 7009). It ends the grant (§2.1).", {("RFC 7009", "2.1")}),
        ("Tokens (RFC 9068).", {("RFC 9068", "")}),
        ("Who (OpenID Connect Core §3.1.3.6).", {("OpenID Connect Core", "3.1.3.6")}),
        ("A bare §4.1 belongs to nothing.", set()),
    ],
)
def test_a_docstring_names_the_sections_it_obeys(
    docstring: str, citations: set[tuple[str, str]]
) -> None:
    """A bare § belongs to the specification that was named last."""
    assert generate.cited(docstring) == citations


# ── What is named exists ─────────────────────────────────────────────────────────────────────


@cache
def headings(text: Path) -> frozenset[str]:
    """The anchors of a page, as code forges make them of its headings."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles)


@every_text
def test_a_relative_link_leads_somewhere(text: Path) -> None:
    """Files and headings that a page links to are there."""
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = text if not path else text.parent / path
        if not file.exists() or (anchor and anchor not in headings(file)):
            lost.append(target)

    assert lost == []


@cache
def names_in(file: Path) -> frozenset[str]:
    """Every function, class, method, and value of a module."""
    found = set()

    def look(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    found.add(prefix + node.name)
                case ast.ClassDef():
                    found.add(prefix + node.name)
                    look(node.body, f"{prefix}{node.name}.")
                case ast.Assign():
                    found.update(prefix + t.id for t in node.targets if isinstance(t, ast.Name))
                case ast.AnnAssign(target=ast.Name(id=name)):
                    found.add(prefix + name)

    look(ast.parse(file.read_text()).body, "")
    return frozenset(found)


@every_text
def test_a_function_or_test_that_a_page_names_exists(text: Path) -> None:
    """`file.py:name` is below src/flextell, `tests/file.py::name` is a test."""
    lost = []
    for span in spans(text):
        match = re.fullmatch(r"((?:[\w-]+/)*\w+\.py)(::?)([\w.]+)", span)
        if match:
            folder = ROOT if match[2] == "::" else ROOT / "src" / "flextell"
            file = folder / match[1]
            if not file.exists() or match[3] not in names_in(file):
                lost.append(span)

    assert lost == []


@every_text
def test_a_variable_that_a_page_names_is_a_setting(text: Path) -> None:
    """Names beginning with FLEXTELL_ are settings, but for a few."""
    known = {f"FLEXTELL_{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    named = set(re.findall(r"\bFLEXTELL_[A-Z_]*[A-Z]\b", text.read_text()))

    assert named - known == set()


@every_text
def test_a_metric_that_a_page_names_exists(text: Path) -> None:
    """Names beginning with flextell_, as Prometheus spells them."""
    known = {
        sample.strip("`")
        for metric in metrics.TABLE
        for sample in generate.sample_names(metric).split("<br>")
    }
    named = set(re.findall(r"\bflextell_[a-z_]*[a-z]\b(?!\.)", text.read_text())) - {"flextell_sdk"}

    assert named - known == set()


@every_text
def test_a_path_of_the_management_port_that_a_page_names_exists(text: Path) -> None:
    """`/health/...` and `/metrics`."""
    named = {span for span in spans(text) if re.match(r"(GET )?/(health|metrics)\b", span)}

    assert {span.removeprefix("GET ") for span in named} <= set(management.PATHS)


def test_what_the_map_shows_is_there() -> None:
    """Every line of the tree in README.md is a file or a folder."""
    (drawing,) = (b for _, b in _FENCED.findall(README.read_text()) if b.startswith("flextell/"))
    path: list[str] = []
    lost = []
    for line in drawing.splitlines()[1:]:
        branch, _, rest = line.partition("── ")
        name = rest.split()[0]
        path = [*path[: len(branch) // 4], name]
        if not Path(ROOT, *path).exists():
            lost.append("/".join(path))

    assert lost == []


def test_the_readme_can_be_read_at_once() -> None:
    """The first page fits in a hundred lines."""
    assert len(README.read_text().splitlines()) < 100


# ── Commands ─────────────────────────────────────────────────────────────────────────────────


@every_text
def test_a_target_of_make_that_a_page_names_exists(text: Path) -> None:
    """`make run` and the like."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        match[1]
        for line in [*shell_lines(text), *spans(text)]
        if (match := re.match(r"make ([a-z-]+)", line))
    }

    assert named - targets == set()


def leaf(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and the words that are left. KeyError if none."""
    command: Any = get_command(cli.app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def flextell_commands(text: Path) -> Iterator[list[str]]:
    """The arguments of each `flextell` in its blocks of shell."""
    for line in shell_lines(text):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words = list(lexer)
        while "flextell" in words:
            words = words[words.index("flextell") + 1 :]
            end = next((n for n, w in enumerate(words) if set(w) <= set("|&;<>")), len(words))
            yield words[:end]


@every_text
def test_a_command_that_a_page_shows_is_understood(text: Path) -> None:
    """Each `flextell ...` in a block of shell is parsed as it stands."""
    for words in flextell_commands(text):
        command, rest = leaf(words)

        command.make_context("flextell", rest)


@every_text
def test_a_command_that_a_page_mentions_exists(text: Path) -> None:
    """Between backticks only the names count: a command, and options it has."""
    for span in spans(text):
        if not span.startswith("flextell ") or span.startswith("flextell = "):
            continue
        command, rest = leaf(span.split()[1:])
        options = {name for parameter in command.params for name in parameter.opts}
        options |= set(command.context_settings.get("help_option_names", ["--help"]))

        assert {word for word in rest if word.startswith("-")} <= options | {"--help"}, span


def test_the_readmes_commands_register_a_person_and_an_app(tmp_path: Path) -> None:
    """What README.md says to type before the server starts works as it is written."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PASSWORD": "correct horse battery staple",
    }
    lines = [line for line in shell_lines(README) if " create " in line]
    answers = []
    for line in lines:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line.replace("DIR", str(tmp_path))],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))

    person, app = answers
    assert person["email"] == "alice@example.com"
    assert app["client_id"]
    assert app["client_secret"]


def test_the_readmes_addresses_are_served() -> None:
    """Each address that README.md sends a request to is in a table of routes."""
    paths = set(re.findall(r"https://localhost:\d+(/[^\s?]+)", README.read_text()))
    served = {*web.MACHINES, *web.PEOPLE, *(api.PREFIX + row.path for row in api.TABLE)}

    assert paths
    assert paths <= served
