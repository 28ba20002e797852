"""What long commands tell of their way: to a person, a log, a script."""

import io
import json
import sys

import pytest

from flextell.cli import INTERRUPTED
from flextell.cli.progress import bar, told
from flextell.exits import ExitCode
from flextell.progress import Progress, Report
from flextell.settings import Settings
from tests.cli.conftest import Run

WAY = [Progress("Filling", done, 100) for done in range(0, 101, 10)]


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


def walk(settings: Settings, report: Report) -> str:
    """A migration that is quick about it."""
    for progress in (*WAY, Progress("Index", 0, 0)):
        report(progress)
    return "0003"


def test_a_script_is_told_in_lines_of_json(flextell: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the last of each step, what comes between now and then, and the version."""
    monkeypatch.setattr("flextell.store.opening.migrate", walk)
    lines = [json.loads(line) for line in flextell("migrate", "--json").out.splitlines()]

    assert lines == [
        {"step": "Filling", "done": 0, "total": 100},
        {"step": "Filling", "done": 100, "total": 100},
        {"step": "Index", "done": 0, "total": 0},
        {"version": "0003"},
    ]


def test_a_log_is_told_in_sentences(flextell: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flextell.store.opening.migrate", walk)
    ran = flextell("migrate")

    assert ran.err == "Filling: 0 of 100 (0 %)\nFilling: 100 of 100 (100 %)\nIndex ...\n"
    assert ran.out == "The database is at version 0003.\n"


def test_a_person_sees_a_bar_for_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for shown in (told, bar):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        with shown(as_json=False) as report:
            walk(Settings(), report)
        assert "Filling" in terminal.getvalue()
        assert "100%" in terminal.getvalue()
        assert "Index" in terminal.getvalue()


def test_where_no_person_looks_no_bar_is_drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with bar(as_json=False) as report:
        walk(Settings(), report)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with bar(as_json=True) as report:
        walk(Settings(), report)
        assert terminal.getvalue() == ""

    assert capsys.readouterr() == ("", "")


def test_who_interrupts_a_migration_is_told_that_nothing_is_lost(
    flextell: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(settings: Settings, report: Report) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("flextell.store.opening.migrate", interrupted)
    ran = flextell("migrate")

    assert ran.code == INTERRUPTED
    assert ran.code != ExitCode.OK
    assert ran.err == "Interrupted. What was done is kept: run it again to go on.\n"
