"""A server of a run, and ours: a fresh folder, one core, one person, one app, a few customers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import processes
from flextell.settings import Settings
from flextell.store.opening import open_store
from flextell.store.port import Unit
from flextell.tenants.model import CustomerDetails

FLEXTELL = Path(sys.executable).with_name("flextell")
EMAIL, PASSWORD = "alice@example.com", "correct horse battery staple"
CALLBACK = "https://photos.example/callback"
SCOPE = "account:read customers:read"
CUSTOMER = CustomerDetails(
    "Zoe", "Angstrom", "+46 70 123 45 67", email="zoe@example.com", job="Architect"
)
# Their ids are 1 and what follows; four pages of 50.
CUSTOMERS = 200
# So many of them are listed, and so many sizes are asked for around it.
LISTED, SIZES = 50, 16
TAGS = ("New", "Regular", "VIP")
PLAIN_HTTP = {"FLEXTELL_DEVELOPMENT_PLAIN_HTTP_ON_LOOPBACK": "true"}
SECONDS_TO_START = 30.0
SECONDS_TO_END = 10


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a server answers; empty: it does not. The defaults are ours."""

    authorize: str = "/oauth/authorize"
    token: str = "/oauth/token"
    introspect: str = "/oauth/introspect"
    api: str = "/api"
    customer: str = "/api/v1/customers/{id}"
    customers: str = "/api/v1/customers?per_page={size}"
    # Where a peer signs a browser in as Alice without asking; empty: it does so when it must know.
    sign_in: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and what it takes to use it.

    `resource`: what its JWT access tokens must be asked for (RFC 8707). Such a server introspects
    only the other kind. `own_client_id`: who asks for tokens of its own (RFC 6749 section 4.4);
    empty: nobody can. `our_pages`: people sign in and allow by forms like ours.
    """

    issuer: str
    ca_file: str | None
    client_id: str
    client_secret: str
    pid: int
    paths: Paths = field(default_factory=Paths)
    resource: str = ""
    own_client_id: str = ""
    our_pages: bool = True

    def cpu_seconds(self) -> float:
        """CPU time the server has used so far."""
        return processes.cpu_seconds(self.pid)

    def memory_mib(self) -> float:
        """Resident memory."""
        return processes.memory_mib(self.pid)[0]


@contextmanager
def running(
    folder: Path, core: int, database: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Set up and start Flextell on one core; stop it at the end. `database`: a migrated one."""
    data = ["--data-dir", str(folder), "--database", database]
    person = [*data, "--email", EMAIL, "--name", "Alice", "--password-stdin"]
    command(["users", "create", *person, "--json"], stdin=PASSWORD)
    app = [*data, "--name", "Photos", "--redirect-uri", CALLBACK, "--scope", SCOPE]
    registered = json.loads(command(["apps", "create", *app, "--introspect", "--json"]))
    store = open_store(Settings(data_dir=folder, database=database))
    store.at_once(_add_customers)
    store.close()
    with serving(folder, core, database, environment) as (ready, pid):
        yield Server(
            ready["issuer"],
            ready["ca_file"],
            registered["client_id"],
            registered["client_secret"],
            pid,
        )


@contextmanager
def serving(
    folder: Path,
    core: int,
    database: str = "",
    environment: Mapping[str, str] | None = None,
    words: tuple[str, ...] = (),
) -> Iterator[tuple[dict[str, str], int]]:
    """Start Flextell on what is there; what it says when it is ready, and its process."""
    data = ["--data-dir", str(folder), "--database", database, *words]
    # A run is far above any limit meant for people and apps.
    kinds = ("API", "OAUTH", "PAGE")
    limits = {f"FLEXTELL_{kind}_REQUESTS_PER_WINDOW": "1000000000" for kind in kinds}
    process = subprocess.Popen(
        ["taskset", "-c", str(core), FLEXTELL, "serve", *data, "--port", "0"],
        env={**os.environ, **limits, "FLEXTELL_LOG_LEVEL": "warning", **(environment or {})},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield _ready(folder / "ready.json", process), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=SECONDS_TO_END)


def command(words: list[str], stdin: str = "") -> str:
    """What a command of ours prints."""
    return subprocess.run(
        [FLEXTELL, *words], input=stdin, capture_output=True, text=True, check=True
    ).stdout


def _add_customers(unit: Unit) -> None:
    """Give Alice's business its customers: each has one tag, and every fourth one more; every other
    one is of a country, and every third is looked after by Alice."""
    alice = unit.people.by_email(EMAIL)
    memberships = alice and unit.tenants.memberships(alice.subject)
    if alice is None or not memberships:
        raise LookupError("Alice has no business")
    now, tenant_id = int(time.time()), memberships[0].tenant_id
    country = unit.tenants.add_place("country", "Sverige")
    tags = [unit.tags.add(tenant_id, name, "#FFAA00", now) for name in TAGS]
    for number in range(CUSTOMERS):
        details = replace(
            CUSTOMER,
            last_name=f"Angstrom {number}",
            date_of_birth=number * 86_400,
            country_id=country if number % 2 else None,
            person_id=None if number % 3 else alice.person_id,
        )
        customer_id = unit.customers.add(tenant_id, details, now - number)
        unit.customers.put_tag(tenant_id, customer_id, tags[number % 3])
        if number % 4 == 0:
            unit.customers.put_tag(tenant_id, customer_id, tags[(number + 1) % 3])


def _ready(path: Path, process: "subprocess.Popen[bytes]") -> dict[str, str]:
    give_up = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise RuntimeError("the server ended before it was ready")
        if path.exists():
            found: dict[str, str] = json.loads(path.read_text())
            return found
        time.sleep(0.001)
    raise RuntimeError("the server was not ready in time")
