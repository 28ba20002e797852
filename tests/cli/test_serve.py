"""`flextell serve`, `migrate` and `doctor`: from an empty folder to a server that answers."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from flextell.cli.examination import PASSES_WALLS
from flextell.exits import ExitCode
from flextell.serving import LOCAL_ISSUER, choose_transport
from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.store.standing import HEAD
from tests.cli.conftest import PASSWORD, Run, listed
from tests.postgres import fresh_database, lent, new_user, passes_walls

PROGRAM = str(Path(sys.executable).with_name("flextell"))


@pytest.fixture
def server(data_dir: Path) -> Iterator[dict[str, Any]]:
    """A server on an empty data directory that said it is ready: its line and `ready.json`."""
    with subprocess.Popen(
        [PROGRAM, "serve", "--data-dir", data_dir, "--host", "127.0.0.1", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("FLEXTELL_")},
    ) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        try:
            yield {"line": line, **json.loads((data_dir / "ready.json").read_text())}
        finally:
            child.terminate()


def test_serve_sets_itself_up_and_shares_its_folder_with_commands(
    flextell: Run, server: dict[str, Any], data_dir: Path
) -> None:
    """Also: the doctor asks the running server over TLS."""
    made = flextell(
        "users", "create", "--email", "alice@example.com", "--name", "Alice", "--password-stdin",
        stdin=PASSWORD.encode(),
    )  # fmt: skip
    examined = {c["check"]: c for c in flextell("doctor", "--json").json["checks"]}

    assert (
        server["line"] == f"Flextell is ready at {server['issuer']} (CA file: {data_dir}/ca.pem)\n"
    )
    assert made.code == ExitCode.OK
    assert {c["state"] for c in examined.values()} == {"ok"}
    assert f"answers at {server['issuer']}" in examined["address"]["message"]
    assert examined["issuer"]["message"] == f"Not set: it is {server['issuer']}."


def test_the_log_is_json_on_standard_error(data_dir: Path) -> None:
    """Here: what the server thinks of a public issuer behind its local certificate."""
    with subprocess.Popen(
        [PROGRAM, "serve", "--data-dir", data_dir, "--port", "0",
         "--issuer", "https://id.example.com"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        child.terminate()
        _, logged = child.communicate(timeout=30)

    lines = [json.loads(line) for line in logged.splitlines()]
    assert [line["level"] for line in lines] == ["warning"]
    assert "local certificate" in lines[0]["event"]


def test_a_second_server_of_one_folder_is_refused(
    flextell: Run, server: dict[str, Any], data_dir: Path
) -> None:
    assert flextell("serve", "--port", "0", "--json").code == ExitCode.ALREADY_RUNNING
    assert flextell("demo", "--data-dir", str(data_dir)).code == ExitCode.ALREADY_RUNNING


def test_a_port_in_use_is_one_sentence(flextell: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = flextell("serve", "--port", str(port), "--json")
        examined = flextell("doctor", "--port", str(port))

    assert ran.code == examined.code == ExitCode.PORT_IN_USE
    assert ran.error["error"] == "port_in_use"


def test_the_doctor_asks_the_management_port_how_the_server_is(
    flextell: Run, data_dir: Path
) -> None:
    with subprocess.Popen(
        [PROGRAM, "serve", "--data-dir", data_dir, "--port", "0", "--management-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "FLEXTELL_DRAIN_SECONDS": "600"},
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        well = flextell("doctor").out
        child.terminate()
        while "accepting" not in (draining := flextell("doctor").out):
            pass
        child.kill()

    assert "ok    health       The server says at http://127.0.0.1:" in well
    assert "warn  health       The server at http://127.0.0.1:" in draining


def test_several_workers_on_sqlite_are_refused(flextell: Run) -> None:
    ran = flextell("serve", "--port", "0", "--workers", "2", "--json")

    assert ran.code == ExitCode.USAGE
    assert "SQLite has one writer" in ran.error["message"]


def test_several_workers_serve_and_stop_as_one(
    fresh_postgres_database: str, tmp_path: Path
) -> None:
    """From the command line to the exit code; what else they do is in `tests/workers`."""
    data_dir = tmp_path / "several"
    shared = ("--data-dir", data_dir, "--database", fresh_postgres_database)
    subprocess.run([PROGRAM, "migrate", *shared], check=True, capture_output=True)
    with subprocess.Popen(
        [PROGRAM, "serve", *shared, "--port", "0", "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        child.terminate()
        _, said = child.communicate(timeout=30)

    assert line.startswith("Flextell is ready at https://localhost:")
    assert child.returncode == ExitCode.OK
    assert said == ""


def test_serve_refuses_a_master_key_that_does_not_open_the_stored_keys(
    flextell: Run, data_dir: Path
) -> None:
    flextell("keys", "rotate")
    (data_dir / "master.key").write_bytes(b64encode(b"another key, of 32 bytes exactly"))
    ran = flextell("serve", "--port", "0", "--json")
    examined = flextell("doctor")

    assert ran.code == examined.code == ExitCode.KEY_FILE
    assert "does not open the signing keys" in ran.error["message"]
    assert "\nfail  key file" in examined.out


def test_serve_refuses_a_lost_master_key(flextell: Run, data_dir: Path) -> None:
    flextell("keys", "rotate")
    (data_dir / "master.key").unlink()

    assert flextell("serve", "--port", "0").code == ExitCode.KEY_FILE


def test_serve_refuses_a_database_that_is_none(flextell: Run, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "flextell.db").write_bytes(b"not a database, but long enough to be looked at" * 99)
    ran = flextell("serve", "--port", "0", "--json")

    assert ran.code == ExitCode.DATABASE
    assert flextell("doctor").code == ExitCode.DATABASE


def test_a_database_of_a_later_version_is_left_alone(flextell: Run, data_dir: Path) -> None:
    flextell("migrate")
    with sqlite3.connect(data_dir / "flextell.db") as later:
        later.execute("UPDATE alembic_version SET version_num = '9999'")
    later.close()

    assert flextell("users", "list").code == ExitCode.DATABASE
    assert flextell("doctor").code == ExitCode.DATABASE


def test_migrate_says_the_version_and_may_be_repeated(flextell: Run) -> None:
    *_, last = flextell("migrate", "--json").out.splitlines()
    assert json.loads(last) == {"version": HEAD}, "after the progress of what takes long"
    assert flextell("migrate").out == f"The database is at version {HEAD}.\n"


def test_the_doctor_makes_nothing(flextell: Run, data_dir: Path) -> None:
    missing = flextell("doctor", "--json")
    data_dir.mkdir(mode=0o700)
    empty = flextell("doctor", "--port", "0", "--json")

    assert missing.code == ExitCode.DATA_DIR
    assert empty.code == ExitCode.OK
    assert empty.json["ok"] is True
    assert list(data_dir.iterdir()) == []


def test_the_doctor_warns_of_a_folder_that_others_may_read(flextell: Run, data_dir: Path) -> None:
    data_dir.mkdir()
    data_dir.chmod(0o755)
    ran = flextell("doctor", "--port", "0")

    assert ran.code == ExitCode.OK
    assert "\nwarn  data dir" in ran.out


@pytest.mark.parametrize("right", ["SUPERUSER", "BYPASSRLS", "NOBYPASSRLS"])
def test_the_doctor_warns_of_a_user_of_postgresql_whom_no_wall_stops(
    flextell: Run, data_dir: Path, postgres_server: str, right: LiteralString
) -> None:
    data_dir.mkdir(mode=0o700)
    with psycopg.connect(postgres_server) as server:
        if not passes_walls(server):
            pytest.skip("FLEXTELL_TEST_DATABASE is of a user who cannot make such users")
    with new_user(postgres_server, right) as user, fresh_database(user) as database:
        assert flextell("migrate", "--database", database).code == ExitCode.OK
        examined = flextell("doctor", "--port", "0", "--database", database)

    assert examined.code == ExitCode.OK
    warned = f"warn  database     {PASSES_WALLS}\n" in examined.out
    assert warned == (right != "NOBYPASSRLS")


def test_migrate_says_in_one_sentence_what_an_administrator_has_to_do(
    flextell: Run, postgres_server: str, fresh_postgres_database: str
) -> None:
    shared = ("--database", fresh_postgres_database)
    with lent(fresh_postgres_database, postgres_server) as admin:
        refused = flextell("migrate", *shared)
        admin.execute("CREATE EXTENSION pg_trgm")
        again = flextell("migrate", *shared)

    assert refused.code == ExitCode.DATABASE
    assert "let an administrator run CREATE EXTENSION pg_trgm" in refused.err.splitlines()[-1]
    assert "Traceback" not in refused.err
    assert (again.code, again.out) == (ExitCode.OK, f"The database is at version {HEAD}.\n")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_an_open_host_with_the_issuer_localhost_is_a_warning(
    flextell: Run, data_dir: Path, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    """Other machines can neither follow that issuer nor trust its certificate."""
    data_dir.mkdir(mode=0o700)
    settings = Settings(data_dir=data_dir, host=host, port=0)
    choose_transport(settings, SYSTEM.now())
    choose_transport(settings.model_copy(update={"host": "127.0.0.1"}), SYSTEM.now())
    examined = flextell("doctor", "--host", host, "--port", "0").out

    assert [record.getMessage() for record in caplog.records] == [LOCAL_ISSUER]
    assert f"warn  issuer       {LOCAL_ISSUER}\n" in examined


def test_the_doctor_names_the_issuer_that_a_server_would_have(
    flextell: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir(mode=0o700)

    assert "it is https://localhost:PORT." in flextell("doctor", "--port", "0").out
    monkeypatch.setenv("FLEXTELL_DEVELOPMENT_PLAIN_HTTP_ON_LOOPBACK", "true")
    assert "it is http://localhost:PORT." in flextell("doctor", "--port", "0").out


def test_the_doctor_sees_settings_that_contradict_each_other(
    flextell: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir(mode=0o700)
    monkeypatch.setenv("FLEXTELL_TLS_KEY_FILE", "/nowhere.pem")

    assert flextell("doctor", "--port", "0").code == ExitCode.USAGE


def test_the_doctor_sees_a_clock_that_is_behind(flextell: Run, data_dir: Path) -> None:
    flextell("keys", "rotate")
    with sqlite3.connect(data_dir / "flextell.db") as tomorrow:
        tomorrow.execute("UPDATE signing_keys SET created_at = created_at + 86400")
    tomorrow.close()
    ran = flextell("doctor", "--port", "0")

    assert ran.code == ExitCode.INVALID
    assert "\nfail  clock" in ran.out


def test_commands_work_on_a_shared_database(flextell: Run, database_url: str) -> None:
    """Nothing of it is in the data directory, which need not be there."""
    shared = ("--database", database_url, "--json")
    flextell("migrate", *shared)
    made = flextell(
        "users", "create", "--email", "alice@example.com", "--name", "Alice", "--password-stdin",
        *shared, stdin=PASSWORD.encode(),
    )  # fmt: skip

    assert made.code == ExitCode.OK
    assert flextell("users", "list", *shared).json == [listed(made.json)]
    assert flextell("tokens", "revoke", "--email", "alice@example.com", *shared).json == {
        "ended_grants": 0
    }


def test_a_shared_database_that_does_not_answer_is_one_sentence(flextell: Run) -> None:
    away = ("--database", "postgresql://joe:s3cret@127.0.0.1:1/flextell")
    ran = flextell("users", "list", *away, "--json")
    examined = flextell("doctor", "--port", "0", *away)

    assert ran.code == ExitCode.DATABASE
    assert "s3cret" not in ran.err + examined.out
    assert "\nfail  database" in examined.out
