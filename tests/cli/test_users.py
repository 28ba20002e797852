"""`flextell users`, and where passwords come from."""

import os
import pty
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flextell.accounts import passwords
from flextell.accounts.model import Session
from flextell.exits import ExitCode
from flextell.oauth.model import Grant
from flextell.store.port import Store, Unit
from tests.cli.conftest import PASSWORD, Run, listed

ALICE = ("users", "create", "--email", "alice@example.com", "--name", "Alice")


def test_create_sets_up_a_private_data_directory(flextell: Run, data_dir: Path) -> None:
    ran = flextell(*ALICE, "--password-stdin", "--json", stdin=PASSWORD.encode())

    assert ran.code == ExitCode.OK
    assert ran.err == ""
    assert set(ran.json) == {
        "subject", "email", "name", "created_at", "disabled", "tenant_id",
    }  # fmt: skip
    assert (ran.json["email"], ran.json["name"]) == ("alice@example.com", "Alice")
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


def test_the_fixed_form_works_as_a_process_of_its_own(data_dir: Path) -> None:
    """Also: what it writes is for its owner alone."""
    program = str(Path(sys.executable).with_name("flextell"))
    ran = subprocess.run(
        [program, "users", "create", "--data-dir", data_dir, *ALICE[2:], "--password-stdin",
         "--json"],
        input=PASSWORD, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, "")
    assert '"email": "alice@example.com"' in ran.stdout
    assert stat.S_IMODE((data_dir / "flextell.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_password_on_standard_input_ends_before_the_line_does(
    flextell: Run, store: Callable[[], Store], end: str
) -> None:
    flextell(*ALICE, "--password-stdin", stdin=(PASSWORD + end).encode())

    assert passwords.check(PASSWORD, hash_of_alice(store())).right


def test_the_password_can_come_from_a_file(
    flextell: Run, store: Callable[[], Store], tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    flextell(*ALICE, "--password-file", str(tmp_path / "password"))

    assert passwords.check(PASSWORD, hash_of_alice(store())).right


def test_the_password_can_come_from_the_environment(
    flextell: Run, store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEXTELL_PASSWORD", PASSWORD)
    flextell(*ALICE)

    assert passwords.check(PASSWORD, hash_of_alice(store())).right


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(data_dir: Path) -> None:
    ours, theirs = pty.openpty()
    program = str(Path(sys.executable).with_name("flextell"))
    child = subprocess.Popen(
        [program, "users", "create", "--data-dir", data_dir, *ALICE[2:], "--json"],
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: os.open(os.ttyname(0), os.O_RDWR) and None,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    for _ in range(2):
        while not seen.endswith(b": "):
            seen += os.read(ours, 1024)
        os.write(ours, PASSWORD.encode() + b"\n")
        seen += os.read(ours, 1024)
    out, _ = child.communicate(timeout=60)
    os.close(ours)

    assert child.returncode == ExitCode.OK
    assert b"alice@example.com" in out
    assert PASSWORD.encode() not in seen + out


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "sentence"),
    [
        (("--password-stdin",), b"short", ExitCode.INVALID, "at least 8 characters"),
        (("--password-stdin",), b"\xff" * 20, ExitCode.INVALID, "not UTF-8"),
        (("--password-stdin",), b"x" * 70_000, ExitCode.INVALID, "too long"),
        (("--password-stdin", "--email", "alice"), b"", ExitCode.INVALID, "e-mail address must"),
        (("--password-stdin", "--name", "A\x07"), b"", ExitCode.INVALID, "name must"),
        ((), b"", ExitCode.USAGE, "No password was given"),
        (("--password-file", "/nowhere"), b"", ExitCode.USAGE, "cannot be read"),
        (("--password-stdin", "--password-file", "x"), b"", ExitCode.USAGE, "not both"),
    ],
)
def test_bad_input_is_one_sentence_and_makes_nothing(
    flextell: Run,
    data_dir: Path,
    arguments: tuple[str, ...],
    stdin: bytes,
    code: ExitCode,
    sentence: str,
) -> None:
    ran = flextell(*ALICE, *arguments, "--json", stdin=stdin)

    assert ran.code == code
    assert set(ran.error) == {"error", "message"}
    assert ran.error["error"] == code.name.lower()
    assert sentence in ran.error["message"]
    assert not data_dir.exists()


def test_an_address_that_is_taken_is_a_conflict(flextell: Run, alice: dict[str, Any]) -> None:
    ran = flextell(
        "users", "create", "--email", "ALICE@example.com", "--name", "Other", "--password-stdin",
        stdin=PASSWORD.encode(),
    )  # fmt: skip

    assert ran.code == ExitCode.CONFLICT
    assert ran.err == "There is a person with this e-mail address already.\n"


def test_list_shows_everyone(flextell: Run, alice: dict[str, Any]) -> None:
    assert flextell("users", "list", "--json").json == [listed(alice)]
    assert "alice@example.com" in flextell("users", "list").out


def test_disable_ends_sessions_and_grants(
    flextell: Run, alice: dict[str, Any], store: Callable[[], Store]
) -> None:
    def live(unit: Unit) -> None:
        person = unit.people.by_email("alice@example.com")
        assert person is not None
        unit.sessions.put(Session(b"d" * 32, person.person_id, 1, 1, 2**40))
        unit.grants.add(Grant("g1", "photos", person.subject, frozenset({"account:read"}), 1))

    opened = store()
    opened.at_once(live)
    ran = flextell("users", "disable", "Alice@example.com", "--json")

    assert ran.json["disabled"] is True
    assert ran.json["ended_grants"] == 1
    assert opened.at_once(lambda unit: unit.grants.living(subject=alice["subject"])) == []
    assert opened.at_once(lambda unit: unit.sessions.get(b"d" * 32)) is None
    assert opened.at_once(lambda unit: unit.revocations.any_of(["g1"]))
    assert flextell("users", "list", "--json").json[0]["disabled"] is True
    opened.close()


def test_disabling_nobody_is_not_found(flextell: Run, alice: dict[str, Any]) -> None:
    assert flextell("users", "disable", "bob@example.com").code == ExitCode.NOT_FOUND


def test_a_data_directory_that_is_not_there_is_not_made_to_look_into_it(
    flextell: Run, data_dir: Path
) -> None:
    ran = flextell("users", "list", "--json")

    assert ran.code == ExitCode.DATA_DIR
    assert "does not exist" in ran.error["message"]
    assert not data_dir.exists()


def test_a_data_directory_that_is_a_file_is_refused(flextell: Run, data_dir: Path) -> None:
    data_dir.write_text("")
    ran = flextell(*ALICE, "--password-stdin", stdin=PASSWORD.encode())

    assert ran.code == ExitCode.DATA_DIR
    assert "not a directory" in ran.err


def test_a_file_that_is_no_database_is_said_to_be_none(flextell: Run, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "flextell.db").write_bytes(b"not a database, but long enough to be looked at" * 99)
    ran = flextell("users", "list", "--json")

    assert ran.code == ExitCode.DATABASE
    assert "not a database" in ran.error["message"]


def test_a_database_that_is_held_by_others_is_said_to_be_locked(
    flextell: Run, alice: dict[str, Any], data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEXTELL_DATABASE_WAIT_SECONDS", "1")
    other = sqlite3.connect(data_dir / "flextell.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ran = flextell("users", "list", "--json")
    other.close()

    assert ran.code == ExitCode.DATABASE
    assert "locked" in ran.error["message"]


def hash_of_alice(store: Store) -> str:
    person = store.at_once(lambda unit: unit.people.by_email("alice@example.com"))
    store.close()
    assert person is not None
    return person.password_hash


def test_somebody_new_owns_a_tenant_of_their_own_or_joins_another(
    flextell: Run, store: Callable[[], Store]
) -> None:
    alice = flextell(
        *ALICE, "--tenant", "Alice's Clinic", "--password-stdin", "--json", stdin=PASSWORD.encode()
    )
    bob = ("users", "create", "--email", "bob@example.com", "--name", "Bob", "--password-stdin")
    joined = flextell(
        *bob, "--join", str(alice.json["tenant_id"]), "--json", stdin=PASSWORD.encode()
    )
    opened = store()
    [owner] = opened.at_once(lambda unit: unit.tenants.memberships(alice.json["subject"])) or ()
    [staff] = opened.at_once(lambda unit: unit.tenants.memberships(joined.json["subject"])) or ()
    opened.close()

    assert owner.roles == {"owner"}
    assert staff.roles == {"staff"}
    assert staff.tenant_id == owner.tenant_id


@pytest.mark.parametrize(
    ("words", "code"),
    [(("--join", "77"), ExitCode.NOT_FOUND), (("--role", "king"), ExitCode.USAGE)],
)
def test_a_tenant_that_is_not_there_or_a_role_that_is_none_makes_nobody(
    flextell: Run, words: tuple[str, str], code: ExitCode
) -> None:
    refused = flextell(*ALICE, *words, "--password-stdin", stdin=PASSWORD.encode())

    assert refused.code == code
    assert flextell("users", "list", "--json").code in (ExitCode.DATA_DIR, ExitCode.OK)
