"""A backup taken while everybody refreshes, put back: what was answered before it works."""

import asyncio
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from flextell.data_dir import is_changing
from flextell.exits import ExitCode
from flextell.settings import Settings
from flextell.store.opening import migrate
from tests.figures import Note
from tests.postgres import fresh_database, lent, programs
from tests.together.client import (
    Caller,
    Tokens,
    body,
    callers,
    connected,
    refused_everywhere,
    tokens,
)
from tests.together.conftest import Start
from tests.together.server import FLEXTELL, SCOPE, App, RunningServer

CHAINS = 16
ANSWERS_BEFORE = 100
PASSPHRASE = "a passphrase of some length"
BULK_MEBIBYTES = 48
FILE_SCOPE = f"{SCOPE} files:read files:write"
FILE = b"a file of Alice's business" * 2**19
KILLS = 8


@dataclass
class Chain:
    """One client that refreshes, and every answer it got, oldest first."""

    answers: list[Tokens] = field(default_factory=list)

    async def go_on(self, caller: Caller, traffic: "Traffic") -> None:
        """Refresh until all are to stop."""
        while not traffic.stopping:
            self.answers.append(tokens(await caller.refresh(self.answers[-1].refresh)))
            traffic.answered.release()


@dataclass
class Traffic:
    """What the chains have in common."""

    stopping: bool = False
    answered: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def see(self, answers: int) -> None:
        """Wait for so many answers more."""
        for _ in range(answers):
            await self.answered.acquire()


def command(*words: object, limit: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
    """A `flextell` command on its way, told the passphrase."""
    process = subprocess.Popen(
        [FLEXTELL, *map(str, words), "--passphrase-stdin", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )
    assert process.stdin is not None
    process.stdin.write(PASSPHRASE)
    process.stdin.close()
    process.stdin = None
    return process


def done(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """How it ended, and what it said."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


@pytest.mark.anyio
async def test_a_backup_among_refreshes_restores_to_one_moment(
    start: Start, tmp_path: Path, note: Note
) -> None:
    """Every token answered before it works; of the later ones, those up to that moment do."""
    server = start()
    app = server.create_app()
    chains = [Chain() for _ in range(CHAINS)]
    quiet = Chain()
    file = tmp_path / "monday.backup"
    async with server.browser() as browser, callers(server, app, CHAINS) as everybody:
        for chain in (*chains, quiet):
            chain.answers.append(await connected(browser, everybody[0]))
        traffic = Traffic()
        work = [
            asyncio.create_task(chain.go_on(caller, traffic))
            for chain, caller in zip(chains, everybody, strict=True)
        ]
        await traffic.see(ANSWERS_BEFORE)
        before = [len(chain.answers) for chain in chains]
        code, said = await asyncio.to_thread(
            lambda: done(command("backup", file, "--data-dir", server.data_dir))
        )
        meanwhile = sum(len(chain.answers) for chain in chains) - sum(before)
        await traffic.see(meanwhile + ANSWERS_BEFORE)
        traffic.stopping = True
        await asyncio.gather(*work)
    assert code == ExitCode.OK, said
    server.stop()

    restored = tmp_path / "restored"
    code, said = done(command("restore", file, "--data-dir", restored))
    assert code == ExitCode.OK, said
    again = start(restored, alice=False, port=server.port)
    async with callers(again, app, 1) as (caller,):
        await everything_works(caller, quiet.answers)
        for chain, answers in zip(chains, before, strict=True):
            for each in chain.answers[:answers]:
                assert (await caller.call_api(each.access)).status == 200
            assert await moment_of(chain, caller) >= answers - 1
    note(
        f"backup of {CHAINS} chains while {meanwhile} refreshes were answered: "
        "all from before work after the restore"
    )


async def everything_works(caller: Caller, answers: list[Tokens]) -> None:
    """Every access token calls the API, and the newest refresh token buys another."""
    for each in answers:
        assert (await caller.call_api(each.access)).status == 200
    assert (await caller.refresh(answers[-1].refresh)).status == 200


async def moment_of(chain: Chain, caller: Caller) -> int:
    """Which of its answers was the newest when the backup was taken.

    Those after it are refused as unknown, which ends nothing: they must not harm who comes next.
    """
    for number in range(len(chain.answers) - 1, -1, -1):
        reply = await caller.refresh(chain.answers[number].refresh)
        if reply.status == 200:
            return number
        assert "unknown" in body(reply)["error_description"]
    raise AssertionError("none of its refresh tokens was in the backup")


@pytest.fixture
def bulky(start: Start) -> RunningServer:
    """A running server whose database takes a moment to copy."""
    server = start()
    with closing(sqlite3.connect(server.data_dir / "flextell.db")) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.executemany(
            "INSERT INTO places (kind, name) VALUES ('city', hex(randomblob(?)))",
            [(2**19,)] * BULK_MEBIBYTES,
        )
        kept_in(database, server.data_dir / "files")
        database.commit()
    return server


def kept_in(database: sqlite3.Connection, room: Path) -> None:
    """Keep `FILE`, as an upload leaves it."""
    name = "0123456789abcdef" * 2
    (room / name[:2]).mkdir()
    (room / name[:2] / name).write_bytes(FILE)
    database.execute(
        "INSERT INTO files (tenant_id, name, type, mime_type, size, sha256, group_id, "
        "fileable_type, fileable_id, stored_as, created_at, updated_at) "
        "VALUES (1, 'x.png', 'image', 'image/png', ?, ?, 'g', 'tenant', 1, ?, 1, 1)",
        (len(FILE), sha256(FILE).digest(), name),
    )


def files_in(data_dir: Path) -> list[bytes]:
    """The bytes of every file that was uploaded."""
    return [path.read_bytes() for path in (data_dir / "files").rglob("*") if path.is_file()]


def killed_at_many_moments(words: tuple[object, ...], after: Callable[[], None]) -> int:
    """Run a command again and again, killed later each time; how often it was still running.

    One that ends before tells anew how long it takes: the first may have met a busy machine.
    """
    began = time.monotonic()
    first = command(*words)
    assert done(first)[0] == ExitCode.OK
    seconds = time.monotonic() - began
    after()
    in_the_middle = 0
    for number in range(KILLS):
        began, process = time.monotonic(), command(*words)
        try:
            process.communicate(timeout=seconds * (number + 1) / KILLS)
            seconds = time.monotonic() - began
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            in_the_middle += 1
        after()
    return in_the_middle


def test_a_backup_that_is_killed_leaves_the_one_before_and_the_server_alone(
    bulky: RunningServer, tmp_path: Path
) -> None:
    file, restored = tmp_path / "monday.backup", tmp_path / "restored"
    names = {path.name for path in bulky.data_dir.iterdir()}
    words = ("backup", file, "--replace", "--data-dir", bulky.data_dir)

    def whole_and_nothing_else() -> None:
        assert file.stat().st_size > BULK_MEBIBYTES * 2**20 + len(FILE)
        # In the clear there is nothing, and of what is sealed no more than one file.
        assert {path.name for path in bulky.data_dir.iterdir()} == names
        assert len(list(tmp_path.glob(".monday.backup.*"))) <= 1

    assert killed_at_many_moments(words, whole_and_nothing_else) >= KILLS // 2
    assert done(command("restore", file, "--data-dir", restored))[0] == ExitCode.OK
    assert files_in(restored) == [FILE]
    assert done(command(*words))[0] == ExitCode.OK
    assert not list(tmp_path.glob(".monday.backup.*"))
    bulky.create_person("bob@example.com", "Bob")


def test_a_restore_that_is_killed_has_done_all_or_nothing(
    bulky: RunningServer, tmp_path: Path
) -> None:
    """The data directory that it replaces is another one's: told apart by its people."""
    file, target = tmp_path / "monday.backup", RunningServer(tmp_path / "target")
    assert done(command("backup", file, "--data-dir", bulky.data_dir))[0] == ExitCode.OK
    target.create_person("bob@example.com", "Bob")
    shutil.copytree(target.data_dir, tmp_path / "as it was")

    def all_or_nothing() -> None:
        if is_changing(target.data_dir):
            target.start().stop()
        if people_of(target.data_dir) == ["alice@example.com"]:
            [before] = target.data_dir.glob("before-*")
            assert people_of(before) == ["bob@example.com"]
            assert files_in(target.data_dir) == [FILE]
        else:
            assert people_of(target.data_dir) == ["bob@example.com"]
            assert files_in(target.data_dir) == []
            assert not list(target.data_dir.glob("before-*"))
        shutil.rmtree(target.data_dir)
        shutil.copytree(tmp_path / "as it was", target.data_dir)

    words = ("restore", file, "--replace", "--data-dir", target.data_dir)
    assert killed_at_many_moments(words, all_or_nothing) >= KILLS // 2


def people_of(data_dir: Path) -> list[str]:
    """Who is in the database of a data directory."""
    with closing(sqlite3.connect(data_dir / "flextell.db")) as database:
        return [email for (email,) in database.execute("SELECT email FROM people")]


def small_files_only() -> None:
    """What a full disk looks like to the one process that runs into it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 2**20, 8 * 2**20))


def test_a_full_disk_leaves_nothing_behind(bulky: RunningServer, tmp_path: Path) -> None:
    """Whether it is full when the copy is made, when it is sealed, or when it is put back."""
    file, restored = tmp_path / "monday.backup", tmp_path / "restored"
    names = {path.name for path in bulky.data_dir.iterdir()}
    words = ("backup", file, "--data-dir", bulky.data_dir)

    code, said = done(command(*words, limit=small_files_only))
    assert code in (ExitCode.BACKUP, ExitCode.DATABASE, ExitCode.DATA_DIR), said
    assert "Traceback" not in said
    assert {path.name for path in bulky.data_dir.iterdir()} == names
    assert not list(tmp_path.glob("*.backup*"))
    assert not list(tmp_path.glob(".monday*"))

    assert done(command(*words))[0] == ExitCode.OK
    code, said = done(command("restore", file, "--data-dir", restored, limit=small_files_only))
    assert (code, "file too large" in said) == (ExitCode.BACKUP, True)
    assert {path.name for path in restored.iterdir()} == {"server.lock"}


def test_a_disk_that_is_full_amid_the_files_leaves_nothing_behind(
    start: Start, tmp_path: Path
) -> None:
    """The database alone finds room, in the backup and where it is put back."""
    server, restored, file = start(), tmp_path / "restored", tmp_path / "monday.backup"
    with closing(sqlite3.connect(server.data_dir / "flextell.db")) as database:
        kept_in(database, server.data_dir / "files")
        database.commit()
    words = ("backup", file, "--data-dir", server.data_dir)

    code, said = done(command(*words, limit=small_files_only))
    assert (code, "file too large" in said) == (ExitCode.BACKUP, True), said
    assert not list(tmp_path.glob("*.backup*"))
    assert not list(tmp_path.glob(".monday*"))

    assert done(command(*words))[0] == ExitCode.OK
    code, said = done(command("restore", file, "--data-dir", restored, limit=small_files_only))
    assert (code, "file too large" in said) == (ExitCode.BACKUP, True), said
    assert {path.name for path in restored.iterdir()} == {"server.lock"}


async def sent(server: RunningServer, access_token: str) -> str:
    """Upload `FILE`; the path of its operation."""
    async with server.browser() as http:
        answer = await http.post(
            "/api/v1/files",
            files={"file": ("x.png", FILE, "image/png")},
            data={"type": "image", "fileable_type": "tenant", "fileable_id": "1"},
            headers={"authorization": f"Bearer {access_token}"},
        )
    assert answer.status_code == 201, answer.text
    return f"/api/v1/files/{answer.json()['data']['id']}"


async def downloaded(server: RunningServer, access_token: str, path: str) -> bytes:
    """The bytes at the address that the operation tells."""
    async with server.browser() as http:
        told = await http.get(path, headers={"authorization": f"Bearer {access_token}"})
        answer = await http.get(told.json()["data"]["temporary_url"])
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.anyio
async def test_a_file_that_was_sent_is_downloaded_from_the_restored_server(
    start: Start, tmp_path: Path
) -> None:
    server = start()
    app = server.create_app(scope=FILE_SCOPE)
    file, restored = tmp_path / "monday.backup", tmp_path / "restored"
    async with server.browser() as browser, callers(server, app, 1) as (caller,):
        access = (await connected(browser, caller)).access
    path = await sent(server, access)
    assert done(command("backup", file, "--data-dir", server.data_dir))[0] == ExitCode.OK
    server.stop()
    code, said = done(command("restore", file, "--data-dir", restored))
    assert (code, '"files_kept": 1' in said) == (ExitCode.OK, True), said

    again = start(restored, alice=False, port=server.port)
    assert await downloaded(again, access, path) == FILE


@asynccontextmanager
async def restored_as(
    start: Start, server: RunningServer, file: Path, into: Path, app: App, *options: str
) -> AsyncIterator[Caller]:
    """The app at a server that goes on where the backup was taken."""
    code, said = done(command("restore", file, "--data-dir", into, *options))
    assert code == ExitCode.OK, said
    again = start(into, alice=False, port=server.port)
    async with callers(again, app, 1) as (caller,):
        yield caller
    again.stop()


@pytest.mark.anyio
async def test_what_a_server_refreshed_after_the_backup_is_unknown_and_revoked_lives_again(
    start: Start, tmp_path: Path
) -> None:
    """What docs/guides/backup.md says of it, and that --end-all-grants prevents it."""
    server = start()
    app = server.create_app("--introspect")
    file = tmp_path / "monday.backup"
    async with server.browser() as browser, callers(server, app, 1) as (caller,):
        refreshed, ended = await connected(browser, caller), await connected(browser, caller)
        assert done(command("backup", file, "--data-dir", server.data_dir))[0] == ExitCode.OK
        later = tokens(await caller.refresh(refreshed.refresh))
        assert (await caller.revoke(ended.refresh)).status == 200
    server.stop()

    async with restored_as(start, server, file, tmp_path / "kept", app) as caller:
        reply = await caller.refresh(later.refresh)
        assert (reply.status, body(reply)["error"]) == (400, "invalid_grant")
        assert (await caller.call_api(ended.access)).status == 200
        assert (await caller.refresh(ended.refresh)).status == 200
        assert (await caller.refresh(refreshed.refresh)).status == 200
    async with restored_as(
        start, server, file, tmp_path / "ended", app, "--end-all-grants"
    ) as caller:
        for each in (refreshed, later, ended):
            assert (await caller.refresh(each.refresh)).status == 400
            assert (await caller.call_api(each.access)).status == 401


def tool(name: str, *words: str) -> None:
    """Run a program of PostgreSQL."""
    subprocess.run([programs() / name, *words], check=True)


@pytest.mark.anyio
async def test_postgresql_is_restored_by_its_own_tools_and_the_keys_by_ours(
    start: Start, postgres_url: str, tmp_path: Path
) -> None:
    """The recipe of docs/guides/backup.md."""
    file, dump, restored = tmp_path / "keys.backup", tmp_path / "flextell.dump", tmp_path / "new"
    copied = tmp_path / "files"
    with fresh_database(postgres_url) as old, fresh_database(postgres_url) as new:
        server = start(database=old)
        app = server.create_app("--introspect", scope=FILE_SCOPE)
        async with server.browser() as browser, callers(server, app, 1) as (caller,):
            given, ended = await connected(browser, caller), await connected(browser, caller)
            assert (await caller.revoke(ended.refresh)).status == 200
        path = await sent(server, given.access)
        from_old = ("--data-dir", server.data_dir, "--database", old)
        assert done(command("backup", file, "--keys-only", *from_old))[0] == ExitCode.OK
        tool("pg_dump", "--enable-row-security", "--format=custom", f"--file={dump}", old)
        shutil.copytree(server.data_dir / "files", copied)
        server.stop()
        tool("pg_restore", f"--dbname={new}", str(dump))
        to_new = ("--data-dir", restored, "--database", new)
        code, said = done(command("restore", file, *to_new))
        assert code == ExitCode.OK, said
        shutil.copytree(copied, restored / "files")

        again = start(restored, alice=False, port=server.port, database=new)
        assert await downloaded(again, given.access, path) == FILE
        async with callers(again, app, 1) as (caller,):
            assert (await caller.call_api(given.access)).status == 200
            again_given = tokens(await caller.refresh(given.refresh))
            assert (await caller.call_api(ended.access)).status == 401
        again.stop()
        words = ("restore", file, "--replace", "--end-all-grants", *to_new)
        code, said = done(command(*words))
        assert (code, '"ended_grants": 1' in said) == (ExitCode.OK, True), said

        once_more = start(restored, alice=False, port=server.port, database=new)
        async with callers(once_more, app, 1) as (caller,):
            await refused_everywhere(caller, [again_given, ended])


def test_postgresql_is_restored_where_an_administrator_created_the_extension(
    postgres_server: str, postgres_url: str, tmp_path: Path
) -> None:
    """Nobody else may comment on it, so comments are left out; searches have their indexes."""
    dump = tmp_path / "flextell.dump"
    with (
        fresh_database(postgres_url) as old,
        fresh_database(postgres_url) as new,
        lent(new, postgres_server) as admin,
    ):
        migrate(Settings(data_dir=tmp_path, database=old))
        tool("pg_dump", "--enable-row-security", "--format=custom", f"--file={dump}", old)
        admin.execute("CREATE EXTENSION pg_trgm")
        tool("pg_restore", "--no-comments", "--exit-on-error", f"--dbname={new}", str(dump))
        with psycopg.connect(new) as restored:
            indexes = restored.execute(
                "SELECT tablename FROM pg_indexes WHERE indexdef LIKE '%gin_trgm_ops%' ORDER BY 1"
            )
            assert indexes.fetchall() == [("conversation_search",), ("customer_search",)]
