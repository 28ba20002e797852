"""The address that a browser comes back to: which it is, and who else may call it (RFC 8252)."""

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from urllib.parse import urlsplit

import pytest

from flextell_sdk.errors import SignInError
from flextell_sdk.grants import Grants
from sdk.tests.browsers import (
    SECONDS,
    Browser,
    Shown,
    asked,
    no_browser,
    program,
    sign_in,
    visit,
)
from sdk.tests.fake_server import ISSUER, TOKEN
from sdk.tests.world import World

CALLBACK = "http://127.0.0.1:{}/callback"


@pytest.fixture
def home(world: World) -> Grants:
    """The program at Alice's machine."""
    return program(world)


@pytest.fixture
def browser(world: World) -> Browser:
    """Alice's browser, in which she allows what she is asked."""
    return Browser(world.server.allow)


@pytest.mark.parametrize(
    ("registered", "start", "end"),
    [
        ("", "http://127.0.0.1:", "/callback"),
        ("http://127.0.0.1", "http://127.0.0.1:", ""),
        ("http://127.0.0.1/", "http://127.0.0.1:", "/"),
        ("http://127.0.0.1/signed/in", "http://127.0.0.1:", "/signed/in"),
        ("http://127.0.0.1/back?from=us", "http://127.0.0.1:", "/back?from=us"),
        ("http://localhost/callback", "http://localhost:", "/callback"),
    ],
)
def test_the_browser_comes_back_to_the_registered_address_on_any_port(
    world: World, registered: str, start: str, end: str
) -> None:
    """RFC 8252 §7.3: the port is the system's choice, all else is exact text."""

    def goes(url: str) -> str:
        address, _, said = world.server.allow(url).rpartition("?")
        return f"{address}{'&' if '?' in address else '?'}{said}"

    browser = Browser(goes)
    sign_in(program(world, registered), browser)
    redirect_uri = asked(browser.opened[0])["redirect_uri"]

    assert redirect_uri.startswith(start)
    assert redirect_uri.removeprefix(start).lstrip("0123456789") == end


def speaks_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not speaks_ipv6(), reason="this machine has no IPv6")
def test_the_loopback_address_may_be_the_long_one(world: World, browser: Browser) -> None:
    sign_in(program(world, "http://[::1]/callback"), browser)

    assert asked(browser.opened[0])["redirect_uri"].startswith("http://[::1]:")


def test_a_port_that_was_registered_is_kept(world: World, browser: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        registered = CALLBACK.format(free.getsockname()[1])
    sign_in(program(world, registered), browser)

    assert asked(browser.opened[0])["redirect_uri"] == registered


def test_a_port_that_is_taken_is_named(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        grants = program(world, CALLBACK.format(port))
        with pytest.raises(SignInError) as problem:
            sign_in(grants, no_browser)

    assert str(problem.value).startswith(f"Port {port} of this machine cannot be listened on: ")


@pytest.mark.parametrize(
    "registered",
    [
        "https://photos.example/callback",
        "https://127.0.0.1/callback",
        "http://photos.example/callback",
        "http://127.0.0.1.photos.example/callback",
        "http://127.0.0.1@photos.example/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:0/callback",
        "http://[::1/callback",
        "com.example.photos:/callback",
        "/callback",
    ],
)
def test_an_answer_that_would_not_come_here_is_not_waited_for(
    world: World, registered: str
) -> None:
    grants = program(world, registered)

    with pytest.raises(SignInError, match="no loopback address"):
        sign_in(grants, no_browser)


def test_forged_answers_neither_end_the_wait_nor_are_believed(home: Grants, world: World) -> None:
    """RFC 6749 §10.12, RFC 9207 §2.4, RFC 8252 §8.9: only the answer to our question counts."""

    def goes(url: str) -> list[str]:
        place, state = asked(url)["redirect_uri"], asked(url)["state"]
        return [
            place,
            f"{place}?code=evil&iss={ISSUER}",
            f"{place}?code=evil&state=another&iss={ISSUER}",
            f"{place}?error=access_denied&state=another&iss={ISSUER}",
            f"{place}?code=evil&state={state}&state={state}&iss={ISSUER}",
            f"{place}?code=evil&state={state}&iss=https://evil.example",
            f"{place}?code=evil&state={state}",
            world.server.allow(url),
        ]

    browser = Browser(goes)
    sign_in(home, browser)
    browser.last_page()

    [exchange] = world.server.at(TOKEN)
    assert exchange.form["code"] != "evil"
    assert [page.status for page in browser.shown] == [400] * 7 + [200]
    assert "does not carry the state" in browser.shown[0].text


def test_other_requests_are_not_answers(home: Grants, world: World) -> None:
    """Also of a site that made its own name mean this machine, to read what is shown here."""
    seen: list[Shown] = []

    def goes(url: str) -> str:
        back = world.server.allow(url)
        port = urlsplit(back).port
        seen.append(visit(f"http://127.0.0.1:{port}/favicon.ico"))
        seen.append(visit(f"http://127.0.0.1:{port}/callback/{back.partition('?')[2]}"))
        seen.append(visit(back, "POST"))
        seen.append(visit(back, "OPTIONS"))
        seen.append(visit(back, host=f"evil.example:{port}"))
        seen.append(visit(back, host="127.0.0.1"))
        return back

    browser = Browser(goes)
    sign_in(home, browser)

    assert browser.last_page().status == 200
    assert [page.status for page in seen] == [404, 404, 405, 405, 421, 421]


def test_a_person_who_does_not_come_back_is_not_waited_for_any_longer(home: Grants) -> None:
    browser = Browser(lambda url: [])
    with pytest.raises(SignInError) as problem:
        sign_in(home, browser, wait_seconds=0.2)

    assert str(problem.value) == "Nobody came back from the browser within 0.2 seconds."
    with pytest.raises(ConnectionRefusedError):
        visit(asked(browser.opened[0])["redirect_uri"])


@pytest.mark.skipif(os.name == "nt", reason="signals are not so there")
def test_ctrl_c_ends_the_wait_and_nobody_listens(home: Grants) -> None:
    opened: list[str] = []

    def goes(url: str) -> None:
        opened.append(url)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sign_in(home, goes)

    with pytest.raises(ConnectionRefusedError):
        visit(asked(opened[0])["redirect_uri"])


def test_several_people_sign_in_at_a_time(home: Grants, world: World) -> None:
    names = [f"person {number}" for number in range(8)]
    all_are_asked, one_at_a_time = Barrier(len(names), timeout=SECONDS), Lock()

    def goes(url: str) -> str:
        with one_at_a_time:
            back = world.server.allow(url)
        all_are_asked.wait()
        return back

    def come(name: str) -> str:
        return sign_in(home, Browser(goes), name=name).tokens().access_token

    with ThreadPoolExecutor(len(names)) as pool:
        tokens = list(pool.map(come, names))

    assert len(set(tokens)) == len(names)
    assert [home.open(name).tokens().access_token for name in names] == tokens
