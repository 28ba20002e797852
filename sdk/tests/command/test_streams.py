"""What commands write to: readers that leave, disks that are full, terminals with few letters."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from flextell_sdk.command.exits import MEANINGS, ExitCode
from flextell_sdk.command.main import main
from sdk.tests.command.shell import Shell


def run_into(stream: TextIO, shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str) -> int:
    """Run a command whose output goes there; its exit code."""
    monkeypatch.setattr("sys.stdout", stream)
    return main([command, "--folder", str(shell.folder)], shell.means)


def test_a_reader_who_has_heard_enough_is_no_error(
    signed_in: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with `head`."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as pipe:
        code = run_into(pipe, signed_in, monkeypatch, "token")

    assert code == ExitCode.OK
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
def test_a_disk_that_is_full_is_said(
    signed_in: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        code = run_into(full, signed_in, monkeypatch, "token")

    assert code == ExitCode.REFUSED
    assert capsys.readouterr().err.endswith("No space left on device.\n")


def test_what_a_terminal_has_no_letters_for_is_written_another_way(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shell.sign_in()
    monkeypatch.setattr("flextell_sdk.command.whoami.person_of", lambda tokens: "Zoë")
    with (tmp_path / "out").open("w", encoding="ascii") as plain:
        code = run_into(plain, shell, monkeypatch, "whoami")

    assert code == ExitCode.OK
    assert "Zo\\xeb" in (tmp_path / "out").read_text()


def test_help_tells_what_the_codes_mean(shell: Shell) -> None:
    ran = shell.run_bare("--help")

    assert ran.code == ExitCode.OK
    for code, meaning in MEANINGS.items():
        assert f"  {code:<5}{meaning}\n" in ran.out
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("command", ["sign-in", "token", "call", "whoami", "sign-out", "doctor"])
def test_every_command_explains_itself(shell: Shell, command: str) -> None:
    ran = shell.run_bare(command, "--help")

    assert ran.code == ExitCode.OK
    assert "--name" in ran.out
    assert "--folder" in ran.out


def test_the_module_is_the_command(shell: Shell) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "flextell_sdk", "token", "--folder", shell.folder],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == ExitCode.SIGN_IN
    assert ran.stderr.startswith("Nobody has signed in yet.")
