"""Every command can be learnt from its help, which comes at once."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from flextell.cli import app
from flextell.exits import MEANINGS, ExitCode
from tests.cli.conftest import Run

COMMANDS = [(command.name or "",) for command in app.registered_commands] + [
    (group.name or "", command.name or command.callback.__name__)
    for group in app.registered_groups
    if group.typer_instance
    for command in group.typer_instance.registered_commands
    if command.callback
]
HEAVY = ("alembic", "argon2", "cryptography", "fastapi", "pydantic", "sqlalchemy", "uvicorn")


def test_there_are_all_commands_that_were_promised() -> None:
    assert {" ".join(command) for command in COMMANDS} == {
        "serve", "demo", "migrate", "doctor", "settings", "backup", "restore",
        "users create", "users list", "users disable",
        "apps create", "apps create-docs", "apps list", "apps show", "apps rotate-secret",
        "apps delete",
        "channels create", "channels list", "channels secret", "channels webhook",
        "keys list", "keys rotate", "tokens revoke",
    }  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example_and_offers_json(flextell: Run, command: tuple[str, ...]) -> None:
    shown = flextell(*command, "--help")

    assert shown.code == ExitCode.OK
    assert f"flextell {' '.join(command)}" in shown.out.partition("Examples:")[2]
    assert "--json" in shown.out
    assert "--data-dir" in shown.out
    if command != ("demo",):
        assert "--database" in shown.out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_option_takes_a_secret(flextell: Run, command: tuple[str, ...]) -> None:
    options = flextell(*command, "--help").out.partition("Options:")[2]

    for line in options.splitlines():
        if line.strip().startswith(("--pass", "--token", "--secret")):
            assert line.split()[0].endswith(("-stdin", "-file"))


def test_help_lists_every_exit_code(flextell: Run) -> None:
    shown = flextell("--help").out

    for code, meaning in MEANINGS.items():
        assert f"{code.value:>3}  {meaning}" in shown


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from flextell.cli import run; run(['--help'])\n"
        f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "Commands:" in ran.stdout
    assert ran.stderr.strip() == "[]"


def test_help_answers_in_well_under_half_a_second() -> None:
    """The best of a few: what else the machine does is not the program's fault."""
    program = Path(sys.executable).with_name("flextell")
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([program, "--help"], capture_output=True, check=True)
        taken.append(time.perf_counter() - began)

    assert min(taken) < 0.5
