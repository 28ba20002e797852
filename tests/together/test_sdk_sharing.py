"""Many share one grant through its tokens' whole lives: each is refreshed once, for all."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import flextell_sdk
from flextell.tls import local_certificate
from tests.figures import Note
from tests.together.conftest import Start
from tests.together.fault_proxy import FaultProxy
from tests.together.sdk import Callers, at, free_port, seconds_since, shared_store, signed_in
from tests.together.server import App

LIFETIMES = int(os.environ.get("FLEXTELL_TEST_LIFETIMES", "200"))
THREADS, TASKS, PROCESSES = 64, 64, 8
TOKEN_SECONDS = 2
ROOT = Path(__file__).parents[2]


@contextmanager
def processes(
    count: int, issuer: str, app: App, ca_file: Path, folder: Path
) -> Iterator[Counter[str]]:
    """Processes that call until the context ends; then their outcomes are in the counter."""
    words = (issuer, app.client_id, app.client_secret or "", str(ca_file), str(folder))
    outcomes: Counter[str] = Counter()
    with ExitStack() as running:
        started = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.together.sharing", *words],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )
            for _ in range(count)
        ]
        try:
            yield outcomes
        finally:
            told = [process.communicate()[0] for process in started]
    for said in told:
        outcomes.update(json.loads(said))


def test_many_threads_tasks_and_processes_refresh_once_for_each_lifetime(
    start: Start, tmp_path: Path, note: Note
) -> None:
    """Every refresh that reached the server made a new version, and none failed anybody."""
    port = free_port()
    server = start(
        issuer=f"https://localhost:{port}",
        port=free_port(),
        access_token_seconds=TOKEN_SECONDS,
        api_requests_per_window=10_000_000,
        oauth_requests_per_window=10_000_000,
    )
    files = local_certificate(server.data_dir, int(time.time()))
    photos = server.create_app()
    folder = tmp_path / "tokens"
    with FaultProxy(server.port, files, port=port) as proxy:
        app = at(proxy.url, photos, files.ca_file)
        store = shared_store(folder)
        with flextell_sdk.Grants(app, store) as grants:
            signed_in(grants, server)
        key = app.grant_key("alice")

        def version() -> int:
            kept = store.load(key)
            assert kept is not None
            assert not kept.ended, kept.ended
            return kept.version

        began = time.monotonic()
        with (
            processes(PROCESSES, proxy.url, photos, files.ca_file, folder) as of_processes,
            Callers(app, store, THREADS, TASKS).calling() as callers,
        ):
            while version() <= LIFETIMES:
                time.sleep(0.2)
                assert seconds_since(began) < 10 * LIFETIMES, "too few refreshes"
            took = seconds_since(began)
        refreshes = version() - 1
        asked = proxy.requests["/oauth/token"] - 1
    calls = callers.outcomes + of_processes
    note(
        f"one grant, {THREADS} threads, {TASKS} tasks, {PROCESSES} processes: {refreshes} "
        f"lifetimes in {took:.0f} s, {asked} refreshes asked for, calls: {dict(calls)}"
    )

    assert asked == refreshes
    assert set(calls) == {"ok"}
    # A token of 2 s is stale at 0.7 s at the earliest: none was thrown away before.
    assert refreshes <= took / 0.7 + 2
