"""The SDK's README, guides and examples, run as they are written, beside a running demo."""

import importlib
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from zlib import decompress

import httpx2
import pytest
from sqlalchemy import create_engine

from flextell.cli.sample_business import CUSTOMERS
from flextell.tls import local_certificate
from flextell_sdk import Grant, Grants, MemoryStore, finish_sign_in
from flextell_sdk.guard import Guard, Resource
from flextell_sdk.sources import SYSTEM
from flextell_sdk.stores import key_from_text, new_key
from flextell_sdk.stores.conformance import PROMISES, PROMISES_TO_OTHER_PROCESSES, Promise
from flextell_sdk.stores.sql import SqlStore
from sdk.tests.pages import EXAMPLES, GUIDES, README, blocks
from tests.peers.elsewhere import running
from tests.together.checkout import Checkout, Shell, checkout

NAMES = {f"{line.first_name} {line.last_name}" for line in CUSTOMERS}
FIRST_NAMES = {line.first_name for line in CUSTOMERS}
GUIDE = {page.stem: page for page in GUIDES}
WORKERS = 3
MOST_STEPS = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The checkout that all tests of this module share."""
    with checkout(tmp_path_factory.mktemp("checkout")) as made:
        yield made


@pytest.fixture
def shell(made: Checkout, tmp_path: Path) -> Shell:
    """The shell of a user who has no tokens yet."""
    return Shell(made, tmp_path)


def signed_in(grants: Grants, made: Checkout, name: str | None = None) -> Grant:
    """A grant that Alice has just allowed."""
    begun = grants.start_sign_in()
    with made.browser() as browser:
        back = made.alice(browser).visit(begun.url)
    return grants.exchange_code(finish_sign_in(back, begun.remembered), name)


# ── One person, one machine ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("example", "printed"),
    [
        ("call_the_api", NAMES),
        ("call_the_api_async", NAMES),
        ("own_http_client", FIRST_NAMES),
        ("any_http_client", FIRST_NAMES),
        ("ask_for_more", {f"{len(CUSTOMERS)} customers"}),
    ],
)
def test_an_example_signs_alice_in_and_prints_what_it_says(
    shell: Shell, example: str, printed: set[str]
) -> None:
    done = shell.tried(f"python -W error::ResourceWarning sdk/examples/{example}.py")

    assert done.returncode == 0, done.stderr
    lines = set(done.stdout.splitlines())
    assert lines
    assert lines <= printed
    assert lines == printed or "http_client" in example  # those ask for one page
    assert set(re.findall(r"^\S.*", done.stderr, re.MULTILINE)) == {
        "To sign in, open this address in a browser on this machine, unless it has opened:"
    }


def test_the_line_of_the_readme_runs_the_program_and_the_second_time_nobody_signs_in(
    shell: Shell,
) -> None:
    """Nor does the program that runs unattended."""
    install, line = blocks(README, "sh")
    refused = shell.tried("python sdk/examples/run_unattended.py")
    first = shell.run(line)
    again = shell.tried(line, BROWSER="false")
    unattended = shell.run("python sdk/examples/run_unattended.py")

    assert install.startswith("pip install ")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "sign in again: nobody has signed in yet. Run call_the_api.py." in refused.stderr
    assert set(first.splitlines()) == NAMES
    assert (again.stdout, again.stderr) == (first, "")
    assert unattended == first


def test_pages_tenants_and_errors_are_within_reach(shell: Shell) -> None:
    tenant, error = shell.run("python sdk/examples/pages_and_tenants.py").splitlines()

    assert tenant.endswith(f": 5 of {len(CUSTOMERS)} customers")
    assert error == "404 not_found"


# ── The command line ─────────────────────────────────────────────────────────────────────────


def test_the_blocks_of_the_command_line_guide_run_in_their_order(shell: Shell) -> None:
    call, who, curl, quiet_curl, several, sign_out = blocks(GUIDE["command-line"], "sh")
    called = json.loads(shell.run(call).splitlines()[-1])
    described = shell.run(who)
    curled = json.loads(shell.run(curl))
    quietly = json.loads(shell.run(quiet_curl))
    work = json.loads(shell.run(several).splitlines()[-1])
    ended = shell.run(sign_out)
    afterwards = shell.tried("python -m flextell_sdk token")

    assert len(called["data"]) == 3
    assert "FAILED" not in described
    assert "Person:" in described
    assert curled == quietly
    assert curled["data"]
    assert "customers:read" in work["scopes"]
    assert ended == "You are signed out.\n"
    assert afterwards.returncode == 3


# ── Web apps ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def web_apps(
    made: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, httpx2.Client]]:
    """The web apps of the guide, served as it says, and a browser at each."""
    register, *serve = blocks(GUIDE["web-app"], "sh")
    with ExitStack() as stack:
        found = {}
        for framework in ("fastapi", "flask"):
            [line] = [line for line in serve if f"web_{framework}" in line]
            shell = Shell(made, tmp_path_factory.mktemp(framework))
            found[framework] = stack.enter_context(shell.serving(f"{register}\nexec {line}"))
        yield found


@pytest.fixture(params=["fastapi", "flask"])
def web_app(request: pytest.FixtureRequest, web_apps: dict[str, httpx2.Client]) -> httpx2.Client:
    """A browser that has never been there."""
    browser = web_apps[request.param]
    browser.cookies.clear()
    return browser


def walk(made: Checkout, browser: httpx2.Client, path: str) -> httpx2.Response:
    """Where the app's redirects lead, by way of Flextell's pages, where Alice allows all."""
    alice = made.alice(browser)
    response = browser.get(path)
    for _ in range(MOST_STEPS):
        if not response.is_redirect:
            return response
        url = urljoin(str(response.url), response.headers["location"])
        response = browser.get(alice.visit(url) if url.startswith(made.issuer) else url)
    raise AssertionError(f"still at {response.url.path} after {MOST_STEPS} steps")


def test_alice_comes_for_customers_signs_in_and_allows_more_when_it_takes_more(
    made: Checkout, web_app: httpx2.Client
) -> None:
    arrived = walk(made, web_app, "/customers")
    again = web_app.get("/customers")

    assert arrived.url.path == "/customers"
    assert set(arrived.json()) == NAMES
    assert again.json() == arrived.json()


def readable(session: str) -> bytes:
    """What anybody can read in the cookie of a signed session; Flask packs it if it is long."""
    packed = session.startswith(".")
    content = b64decode(session.lstrip(".").partition(".")[0] + "===", altchars="-_")
    return decompress(content) if packed else content


def test_a_sign_in_asks_for_little_and_leaves_nothing_to_read_in_the_session(
    web_app: httpx2.Client,
) -> None:
    left = web_app.get("/sign-in")
    kept = readable(web_app.cookies["session"])
    state = httpx2.URL(left.headers["location"]).params["state"]

    assert left.status_code == 303
    assert httpx2.URL(left.headers["location"]).params["scope"] == "openid account:read"
    assert b"sign_in" in kept
    assert b"verifier" not in kept
    assert state.encode() not in kept
    assert {"httponly", "secure"} <= set(left.headers["set-cookie"].lower().split("; "))


def test_an_answer_to_nobodys_question_and_a_no_are_pages_and_not_sign_ins(
    made: Checkout, web_app: httpx2.Client
) -> None:
    forged = web_app.get("/callback?code=x&state=y")
    asked = httpx2.URL(web_app.get("/sign-in").headers["location"])
    asked_anew = str(asked.copy_merge_params({"prompt": "consent"}))
    denied = web_app.get(made.alice(web_app).visit(asked_anew, "deny"))

    assert (forged.status_code, denied.status_code) == (400, 400)
    assert forged.text.startswith("You are not signed in. No sign-in was begun here")
    assert denied.text == "You are not signed in. The person did not allow it."


def test_who_signs_out_is_out(made: Checkout, web_app: httpx2.Client) -> None:
    walk(made, web_app, "/customers")
    before = web_app.cookies["session"]
    out = web_app.post("/sign-out")
    asked = web_app.get("/customers")
    web_app.cookies.clear()
    with_old_cookie = web_app.get("/customers", headers={"cookie": f"session={before}"})

    assert out.status_code == 303
    for answer in (asked, with_old_cookie):
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


# ── Workers ──────────────────────────────────────────────────────────────────────────────────


@contextmanager
def opened(database: str, key: str) -> Iterator[SqlStore]:
    """The store of the workers."""
    engine = create_engine(database)
    yield SqlStore(engine, key_from_text(key))
    engine.dispose()


def test_workers_that_need_fresh_tokens_at_once_make_one_refresh(
    made: Checkout, shell: Shell, tmp_path: Path
) -> None:
    [make_key] = blocks(GUIDE["worker-fleet"], "sh")
    key = shell.run(f'{make_key}\nprintf %s "$FLEXTELL_TOKEN_KEY"')
    database = f"sqlite:///{tmp_path / 'tokens.db'}"
    app = made.app()
    with opened(database, key) as store, Grants(app, store) as grants:
        store.create_table()
        before = signed_in(grants, made, "alice").tokens()
        with store.hold(app.grant_key("alice"), 1) as held:
            held.replace(replace(before, expires_at=SYSTEM.now()))

        def work(_: int) -> str:
            return shell.run(
                "python sdk/examples/worker_fleet.py",
                "alice\nbob\n",
                DATABASE_URL=database,
                FLEXTELL_TOKEN_KEY=key,
            )

        with ThreadPoolExecutor(WORKERS) as workers:
            printed = set(workers.map(work, range(WORKERS)))
        after = store.load(app.grant_key("alice"))

    assert printed == {f"alice: {len(CUSTOMERS)} customers\nbob: nobody has signed in yet.\n"}
    assert after is not None
    assert after.version == before.version + 1


def test_a_key_is_changed_as_the_guide_says(made: Checkout, shell: Shell, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'tokens.db'}"
    old, new = new_key(), new_key()
    with opened(database, old) as store, Grants(made.app(), store) as grants:
        store.create_table()
        signed_in(grants, made, "alice")

    def run(example: str, key: str) -> str:
        return shell.run(
            f"python sdk/examples/{example}.py",
            "alice\n",
            DATABASE_URL=database,
            FLEXTELL_TOKEN_KEY=key,
        )

    worked = f"alice: {len(CUSTOMERS)} customers\n"

    assert run("worker_fleet", f"{old},{new}") == worked
    assert run("worker_fleet", f"{new},{old}") == worked
    assert run("reseal", f"{new},{old}") == "Sealed under the new key: 1\n"
    assert run("worker_fleet", new) == worked


# ── Stores, other servers, guarded APIs ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "promise", PROMISES + PROMISES_TO_OTHER_PROCESSES, ids=lambda promise: promise.__name__
)
def test_the_store_of_ones_own_keeps_every_promise(
    promise: Promise, fresh_postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("FLEXTELL_TOKEN_KEY", new_key())
    example = importlib.import_module("test_own_store")

    example.test_a_promise_is_kept(promise, fresh_postgres_database)


def test_a_sign_in_at_another_server_needs_no_more_than_the_file_of_the_guide(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory
) -> None:
    [file] = blocks(GUIDE["your-own-http-client"], "json")
    certificate = local_certificate(tmp_path_factory.mktemp("elsewhere"), int(SYSTEM.now()))
    with ExitStack() as stack:
        elsewhere = stack.enter_context(running(certificate))
        app = elsewhere.app()
        described = {name: getattr(app, name) for name in json.loads(file)}
        app_file = shell.checkout.folder / "other-server.json"
        app_file.touch(0o600)
        app_file.write_text(json.dumps({**described, "ca_file": str(app.ca_file)}))
        process = stack.enter_context(shell.start("exec python sdk/examples/other_server.py"))
        assert process.stdout is not None
        shown = process.stdout.readline().rpartition(" ")[2].strip()
        out, err = process.communicate(elsewhere.visit(shown) + "\n")

    assert (process.returncode, err) == (0, "")
    assert out.endswith("{'sub': 'alice', 'name': 'ALICE'}\n")


def registered(shell: Shell) -> tuple[str, str]:
    """The id and the secret of an API that may ask about tokens."""
    told = json.loads(
        shell.run(
            "flextell apps create --data-dir .flextell-demo --name Clinic --introspect --json"
        )
    )
    return told["client_id"], told["client_secret"]


def test_the_guarded_api_takes_alices_token_and_says_to_others_what_it_takes(
    made: Checkout, shell: Shell, tmp_path: Path
) -> None:
    client_id, secret = registered(shell)
    serve = "exec uvicorn --app-dir sdk/examples guarded_api:app --port 8000 --ssl-certfile "
    files = ".flextell-demo/leaf.pem --ssl-keyfile .flextell-demo/leaf-key.pem"
    with (
        Grants(made.app(), MemoryStore()) as grants,
        shell.serving(serve + files, CLINIC_ID=client_id, CLINIC_SECRET=secret) as api,
    ):
        grant = signed_in(grants, made)
        refused = api.get("/customers")
        headers = {"authorization": f"Bearer {grant.tokens().access_token}"}
        welcome = api.get("/customers", headers=headers)

    assert (refused.status_code, refused.json()["error"]) == (401, "unauthorized")
    assert welcome.json() == {"for": grant.name}


def test_the_flask_view_of_the_guards_guide_is_guarded(made: Checkout, shell: Shell) -> None:
    client_id, secret = registered(shell)
    audience, ca_file = f"{made.issuer}/api", made.told["ca_file"]
    resource = Resource(made.issuer, audience, client_id, secret, ca_file=ca_file)
    [view] = [block for block in blocks(GUIDE["guard"], "python") if "from flask" in block]
    with Guard(resource) as guard, Grants(made.app(), MemoryStore()) as grants:
        names: dict[str, Any] = {"__name__": "guide", "guard": guard}
        exec(compile(view, "guard.md", "exec"), names)
        api = names["app"].test_client()
        grant = signed_in(grants, made)
        refused = api.get("/customers")
        headers = {"authorization": f"Bearer {grant.tokens().access_token}"}
        welcome = api.get("/customers", headers=headers)

    assert (refused.status_code, refused.json["error"]) == (401, "unauthorized")
    assert welcome.json == {"for": grant.name}


def test_no_block_of_shell_is_left_out() -> None:
    """Only these pages have any; a test above runs those of each."""
    shown = {page.stem for page in (README, *GUIDES) if blocks(page, "sh")}

    assert shown == {"README", "command-line", "web-app", "worker-fleet"}


def test_no_example_is_left_out() -> None:
    """Each is named above, or imported by one that is."""
    text = "\n".join([Path(__file__).read_text(), *blocks(GUIDE["web-app"], "sh")])
    imported = {"own_store", "remembering"}
    examples = {file.stem for file in EXAMPLES.glob("*.py")}

    assert {name for name in examples if not re.search(rf"\b{name}\b", text)} <= imported
