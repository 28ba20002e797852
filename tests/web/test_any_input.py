"""Whatever is sent to whatever address: a clear answer, never a crash, nothing echoed."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.web.routes import MACHINES, PEOPLE
from tests.web.conftest import GATEWAY_APP, PHONE_APP, PHOTOS_APP, Someone, add_person
from tests.web.flows import App, asks, basic, connect
from tests.web.raw import RawAnswer, send_raw
from tests.world import ISSUER, PASSWORD, World

pytestmark = pytest.mark.anyio

MARK = "echo-7f3a"
PATHS = [*MACHINES, *PEOPLE, "/static/flextell.css", "/nowhere"]
NAMES = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "prompt", "max_age", "nonce"),
    *("code_challenge", "code_challenge_method", "response_mode", "login_hint", "request"),
    *("request_uri", "flextell_ticket", "grant_type", "code", "code_verifier", "refresh_token"),
    *("client_secret", "token", "token_type_hint", "since", "csrf", "email", "password", "answer"),
)
HEADERS = (
    *("content-type", "content-length", "authorization", "cookie", "origin", "host", "accept"),
    *("if-none-match", "referer", "x-forwarded-for", "x-forwarded-proto", "transfer-encoding"),
)
GOOD_VALUES = [
    "code",
    "S256",
    "none",
    "login consent",
    "allow",
    "deny",
    "authorization_code",
    "refresh_token",
    "flx_refresh_x",
    "0",
    "9" * 30,
    *(app.client_id for app in (PHOTOS_APP, PHONE_APP, GATEWAY_APP)),
    *(app.redirect_uri for app in (PHOTOS_APP, PHONE_APP)),
    PHOTOS_APP.secret or "",
]

values = st.one_of(
    st.sampled_from(GOOD_VALUES),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(lambda text: MARK + text),
    st.sampled_from(["\x00", "\r\n", "x" * 9000, "%", "\ufeff", "é" * 300]).map(
        lambda text: text + MARK
    ),
)
fields = st.lists(st.tuples(st.sampled_from(NAMES) | values, values), max_size=12)


def encoded(pairs: Iterable[tuple[str, str]]) -> bytes:
    return urlencode(list(pairs)).encode()


def raw(pairs: Iterable[tuple[str, str]]) -> bytes:
    """As a client would send it that never heard of escaping."""
    return "&".join(f"{name}={value}" for name, value in pairs).encode()


forms = st.one_of(fields.map(encoded), fields.map(raw), st.binary(max_size=200))
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS"]) | st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20
)
# What a server lets through: any byte but the line breaks that end a header.
header_values = st.one_of(
    st.binary(max_size=60),
    values.map(lambda text: text.encode()),
    st.sampled_from([b"application/x-www-form-urlencoded", ISSUER.encode(), b"9" * 6000, b"Basic"]),
).map(lambda value: re.sub(rb"[\r\n\x00]", b"", value))
headers = st.lists(st.tuples(st.sampled_from(HEADERS).map(str.encode), header_values), max_size=6)
form_header = st.sampled_from([[(b"content-type", b"application/x-www-form-urlencoded")], []])


def is_clean(answer: RawAnswer, path: str) -> None:
    """Raises AssertionError if this answer shows a bug or helps an attacker."""
    assert 200 <= answer.status < 500, answer
    assert b"Traceback" not in answer.body
    for name, value in answer.headers:
        assert re.fullmatch(rb"[a-z-]+", name)
        assert re.fullmatch(rb"[\x20-\x7e]*", value), (name, value)
    if path in MACHINES and answer.status >= 400 and answer.body:
        assert answer.header(b"content-type") == b"application/json"
        body = json.loads(answer.body)
        assert set(body) == {"error", "error_description", "message"}
        assert body["message"] == body["error_description"]
        assert MARK.encode() not in answer.body
    location = answer.header(b"location").decode()
    own_or_proven = ("/", PHOTOS_APP.redirect_uri, PHONE_APP.redirect_uri, "http://127.0.0.1")
    assert location == "" or location.startswith(own_or_proven)


@pytest.fixture(scope="module")
def alice_forever(world: World) -> Someone:
    """One Alice for all generated requests."""
    return add_person(world, "Alice")


@pytest.fixture(scope="module")
async def session(world: World, alice_forever: Someone) -> bytes:
    """The cookies of a browser in which Alice is signed in and allowed Photos something."""
    async with world.browser() as browser:
        await connect(browser, asks(PHOTOS_APP), alice_forever.email, PASSWORD)
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items()).encode()


@pytest.mark.parametrize("path", PATHS)
@given(method=methods, query=forms, headers=headers, body=forms, as_form=form_header)
async def test_any_request_gets_a_clear_answer(
    world: World,
    path: str,
    method: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    as_form: list[tuple[bytes, bytes]],
) -> None:
    answer = await send_raw(
        world.app, method, path, query=query, headers=[*as_form, *headers], body=body
    )

    is_clean(answer, path)


@given(changed=fields, drop=st.sets(st.sampled_from(NAMES)), posted=st.booleans())
async def test_any_authorization_request_of_somebody_signed_in_gets_a_clear_answer(
    world: World,
    session: bytes,
    changed: list[tuple[str, str]],
    drop: set[str],
    posted: bool,
) -> None:
    asked = [(n, v) for n, v in asks(PHOTOS_APP).items() if n in ("client_id", "redirect_uri")]
    rest = [(n, v) for n, v in changed if n not in ("client_id", "redirect_uri", *drop)]
    data = encoded([*asked, ("response_type", "code"), *rest])
    headers = [(b"cookie", session), (b"content-type", b"application/x-www-form-urlencoded")]
    for path in ("/oauth/authorize", "/consent", "/sign-in"):
        answer = await send_raw(
            world.app,
            "POST" if posted else "GET",
            path,
            query=b"" if posted else data,
            body=data if posted else b"",
            headers=headers,
        )

        is_clean(answer, path)


@given(app=st.sampled_from([PHOTOS_APP, GATEWAY_APP, PHONE_APP]), sent=fields)
@pytest.mark.parametrize(
    "path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/revocations"]
)
async def test_any_form_of_a_client_that_proves_itself_gets_a_clear_answer(
    world: World, path: str, app: App, sent: list[tuple[str, str]]
) -> None:
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    proof = [("client_id", app.client_id)]
    if app.secret is not None:
        headers.append(
            (b"authorization", basic(app.client_id, app.secret)["authorization"].encode())
        )
        proof = []
    rest = [(name, value) for name, value in sent if not name.startswith("client_")]

    answer = await send_raw(world.app, "POST", path, headers=headers, body=encoded([*proof, *rest]))

    is_clean(answer, path)
    assert answer.status in (200, 400, 401)


@given(state=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200))
async def test_any_state_comes_back_as_it_was_sent(
    world: World, session: bytes, state: str
) -> None:
    """RFC 6749 §4.1.2."""
    query = encoded(asks(PHOTOS_APP, state=state).items())

    answer = await send_raw(
        world.app, "GET", "/oauth/authorize", query=query, headers=[(b"cookie", session)]
    )

    assert answer.status == 302
    assert f"&state={quote_plus(state)}&" in answer.header(b"location").decode()
