"""A process dies by `kill -9` at any instant of a refresh; the next one goes on."""

import base64
import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

import flextell_sdk
from tests.figures import Note
from tests.together.conftest import Start
from tests.together.refreshing import refresh_until_killed
from tests.together.sdk import at, shared_store, signed_in

KILLS = int(os.environ.get("FLEXTELL_TEST_KILLS", "200"))
# A refresh takes a few milliseconds here: the instants are spread over several of them.
LONGEST_LIFE_SECONDS = 0.03
SECONDS_TO_START = 30


def generation(tokens: flextell_sdk.Tokens) -> int:
    """How many times the server has rotated, as its `jti` says (docs/decisions/0005)."""
    payload = tokens.access_token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return int(claims["jti"].split(".")[1])


def test_a_process_killed_while_it_refreshes_costs_nobody_a_sign_in(
    start: Start, tmp_path: Path, note: Note
) -> None:
    """Each process begins where the last one died, with a call that must succeed."""
    server = start(api_requests_per_window=10_000_000, oauth_requests_per_window=10_000_000)
    photos = server.create_app()
    app = at(server.url, photos, server.data_dir / "ca.pem")
    folder = tmp_path / "tokens"
    with flextell_sdk.Grants(app, shared_store(folder)) as grants:
        signed_in(grants, server)
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["tests.together.refreshing"])
    unkept = 0
    for _ in range(KILLS):
        ours, theirs = forking.Pipe(duplex=False)
        process = forking.Process(target=refresh_until_killed, args=(app, folder, theirs))
        process.start()
        theirs.close()
        assert ours.poll(SECONDS_TO_START)
        assert ours.recv() == "ready"
        time.sleep(random.uniform(0, LONGEST_LIFE_SECONDS))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with pytest.raises(EOFError):
            pytest.fail(ours.recv())
        kept = shared_store(folder).load(app.grant_key("alice"))
        assert kept is not None
        unkept += server.count("refresh_tokens") - 1 > generation(kept)
        ours.close()
    with flextell_sdk.Grants(app, shared_store(folder)) as grants:
        flextell_sdk.Client(grants.open("alice")).about()
        last = grants.open("alice").tokens()
    note(
        f"{KILLS} times kill -9 while refreshing: {last.version} refreshes kept, "
        f"{unkept} times the server had rotated and the process died before it was kept"
    )

    assert not last.ended
