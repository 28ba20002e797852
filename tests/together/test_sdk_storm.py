"""A network and clocks that fail in every way known: nobody is signed out, nobody is mixed up."""

import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import flextell_sdk
from flextell.tls import local_certificate
from tests.figures import Note
from tests.together.conftest import Start
from tests.together.fault_proxy import FaultProxy
from tests.together.faults import CALM, STORM
from tests.together.sdk import Clock, at, free_port, seconds_since, shared_store, signed_in

CALLS = int(os.environ.get("FLEXTELL_TEST_STORM_CALLS", "10000"))
PEOPLE = tuple(f"person{number}" for number in range(12))
# Three programs that share every grant, and do not agree what time it is.
WRONG_BY_SECONDS = (-600.0, 0.0, 600.0)
THREADS = 64
TOKEN_SECONDS = 5
TIMEOUT_SECONDS = 0.6


def test_ten_thousand_calls_through_a_storm_sign_nobody_out(
    start: Start, tmp_path: Path, note: Note
) -> None:
    """A call may fail when everything fails; nobody has to come back, or sees another's data."""
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
    for person in PEOPLE:
        server.create_person(f"{person}@example.com", person.capitalize())
    outcomes: Counter[str] = Counter()
    others_data: list[str] = []
    with FaultProxy(server.port, files, port=port, seed=4) as proxy:
        app = at(proxy.url, photos, files.ca_file, timeout_seconds=TIMEOUT_SECONDS)
        store = shared_store(tmp_path / "tokens")
        programs = [
            flextell_sdk.Grants(app, store, sources=Clock(wrong_by).sources())
            for wrong_by in WRONG_BY_SECONDS
        ]
        for person in PEOPLE:
            signed_in(programs[0], server, person, f"{person}@example.com")
        owned = {person: tenants(programs[0], person) for person in PEOPLE}
        assert len({*owned.values()}) == len(PEOPLE)
        counting = threading.Lock()

        def call(_: int) -> None:
            person = random.choice(PEOPLE)
            try:
                found = tenants(random.choice(programs), person)
            except flextell_sdk.FlextellError as problem:
                with counting:
                    outcomes[f"{type(problem).__name__}"] += 1
            else:
                with counting:
                    outcomes["ok"] += 1
                if found != owned[person]:
                    others_data.append(person)

        began = time.monotonic()
        proxy.faults = replace(STORM, delay_seconds=2 * TIMEOUT_SECONDS)
        with ThreadPoolExecutor(THREADS) as callers:
            list(callers.map(call, range(CALLS)))
        took = seconds_since(began)
        proxy.faults = CALM
        happened = {fault: count for fault, count in proxy.happened.items() if fault != "nothing"}
        refreshes = proxy.answered["/oauth/token", 200] - len(PEOPLE)
        after = {person: tenants(programs[1], person) for person in PEOPLE}
        for program in programs:
            program.close()
    note(
        f"{CALLS} calls for {len(PEOPLE)} people by three programs whose clocks are 10 minutes "
        f"apart, in {took:.0f} s: {dict(outcomes)}, {refreshes} refreshes answered, "
        f"faults: {happened}"
    )

    assert others_data == []
    assert after == owned
    assert outcomes["SignInAgain"] == 0
    assert sum(outcomes.values()) == CALLS
    assert outcomes["ok"] >= 0.99 * CALLS
    assert refreshes >= len(PEOPLE)


def tenants(grants: flextell_sdk.Grants, person: str) -> tuple[int, ...]:
    """The tenants that a person has, by what the API says."""
    return tuple(tenant.id for tenant in flextell_sdk.Client(grants.open(person)).account.tenants())
