"""What all endpoints for machines have in common: methods, content types, sizes, limits."""

import pytest
from httpx2 import AsyncClient

from flextell.web.routes import MACHINES, PEOPLE
from tests.web.conftest import PHOTOS_APP, Browsers, OwnWorld
from tests.web.flows import FORM_TYPE, error_of, refresh
from tests.web.raw import send_raw
from tests.world import World

pytestmark = pytest.mark.anyio

POSTED = [path for path, handlers in MACHINES.items() if "POST" in handlers]


@pytest.mark.parametrize("path", MACHINES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_told_which_ones_work(
    browser: AsyncClient, path: str, method: str
) -> None:
    """RFC 9110 §15.5.6."""
    allowed = {"POST"} if path in POSTED else {"GET", "HEAD"}

    response = await browser.request(method, path)

    if method in allowed:
        assert response.status_code != 405
        return
    assert response.status_code == 405
    assert response.headers["allow"] == ", ".join(sorted(allowed))
    if method != "HEAD":
        assert error_of(response) == "method_not_allowed"


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencodedx",
        "x; application/x-www-form-urlencoded",
        "é",
    ],
)
async def test_another_content_type_is_refused(
    world: World, path: str, content_type: str | None
) -> None:
    """RFC 9110 §15.5.16."""
    headers = [] if content_type is None else [(b"content-type", content_type.encode())]

    answered = await send_raw(world.app, "POST", path, headers=headers, body=b"client_id=x")

    assert answered.status == 415
    assert b"unsupported_media_type" in answered.body
    assert answered.header(b"content-type") == b"application/json"


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded;charset=UTF-8",
        "Application/X-WWW-Form-URLEncoded",
        " application/x-www-form-urlencoded ; charset=utf-8",
    ],
)
async def test_a_form_may_name_its_charset(world: World, path: str, content_type: str) -> None:
    answered = await send_raw(
        world.app,
        "POST",
        path,
        headers=[(b"content-type", content_type.encode())],
        body=b"client_id=x&token=y&grant_type=refresh_token&refresh_token=z",
    )

    assert answered.status == 401


@pytest.mark.parametrize("path", POSTED)
async def test_a_body_over_its_limit_is_refused(browser: AsyncClient, path: str) -> None:
    """RFC 9110 §15.5.14."""
    response = await browser.post(path, content=b"a=" + b"x" * 65_535, headers=FORM_TYPE)

    assert (response.status_code, error_of(response)) == (413, "payload_too_large")
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("declared", [b"", b"5", b"x", b"-1", "²".encode("latin-1"), b"0" * 5000])
async def test_a_body_over_its_limit_is_refused_whatever_length_was_declared(
    world: World, path: str, declared: bytes
) -> None:
    headers = [(b"content-type", FORM_TYPE["content-type"].encode())]
    if declared:
        headers.append((b"content-length", declared))

    answered = await send_raw(world.app, "POST", path, headers=headers, body=b"x" * 70_000)

    assert answered.status == 413


@pytest.mark.parametrize("declared", [b"65537", b"9" * 18, b"9" * 5000])
async def test_a_body_declared_over_its_limit_is_refused_unread(
    world: World, declared: bytes
) -> None:
    headers = [
        (b"content-type", FORM_TYPE["content-type"].encode()),
        (b"content-length", declared),
    ]

    answered = await send_raw(world.app, "POST", "/oauth/token", headers=headers, body=b"a=b")

    assert answered.status == 413


@pytest.mark.parametrize("name", [b"content-type", b"content-length", b"authorization"])
async def test_a_header_sent_twice_is_refused(world: World, name: bytes) -> None:
    """Two readers of one request must not see two requests."""
    headers = [
        (b"content-type", FORM_TYPE["content-type"].encode()),
        (b"content-length", b"3"),
        (b"authorization", b"Basic eDp5"),
    ]
    twice = [*headers, next(header for header in headers if header[0] == name)]

    answered = await send_raw(world.app, "POST", "/oauth/token", headers=twice, body=b"a=b")

    assert answered.status == 400
    assert b"invalid_request" in answered.body


async def test_one_client_asking_too_often_from_one_address_is_told_to_wait(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    """Wire §e 31."""
    async with own_world(oauth_requests_per_window=2) as world:
        browser, elsewhere = new_browser(world), new_browser(world, "2001:db8:ffff::1")

        responses = [await refresh(browser, PHOTOS_APP, "x") for _ in range(3)]

        assert [response.status_code for response in responses] == [400, 400, 429]
        assert error_of(responses[-1]) == "rate_limit_exceeded"
        reset = int(responses[-1].headers["x-ratelimit-reset"])
        assert responses[-1].headers["x-ratelimit-limit"] == "2"
        assert responses[-1].headers["x-ratelimit-remaining"] == "0"
        assert int(responses[-1].headers["retry-after"]) == reset - world.clock.now
        assert (await refresh(elsewhere, PHOTOS_APP, "x")).status_code == 400
        world.clock.advance(60)
        assert (await refresh(browser, PHOTOS_APP, "x")).status_code == 400


@pytest.mark.parametrize(
    "path", ["/oauth/token/", "/oauth//token", "/OAUTH/token", "/oauth", "//oauth/token"]
)
async def test_there_is_nothing_beside_the_path_and_no_redirect_to_it(
    world: World, path: str
) -> None:
    """Wire §d.5: clients do not follow redirects, and a POST must not be repeated elsewhere."""
    answered = await send_raw(world.app, "POST", path)

    assert answered.status == 404
    assert answered.header(b"location") == b""


@pytest.mark.parametrize("path", [path for path in MACHINES if path not in POSTED])
async def test_a_head_request_brings_the_length_and_no_body(world: World, path: str) -> None:
    """RFC 9110 §9.3.2."""
    whole = await send_raw(world.app, "GET", path)

    answered = await send_raw(world.app, "HEAD", path)

    assert (answered.status, answered.body) == (200, b"")
    assert answered.header(b"content-length") == b"%d" % len(whole.body)


@pytest.mark.parametrize("path", [*MACHINES, *PEOPLE, "/static/flextell.css", "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_every_answer_says_where_the_caller_stands(
    browser: AsyncClient, path: str, method: str
) -> None:
    """Errors included, so that a client can slow down before it is refused."""
    response = await browser.request(method, path)

    limit = int(response.headers["x-ratelimit-limit"])
    assert 0 <= int(response.headers["x-ratelimit-remaining"]) < limit
    assert int(response.headers["x-ratelimit-reset"]) > 0


async def test_the_metadata_is_not_given_without_end(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world(page_requests_per_window=2) as world:
        browser = new_browser(world)
        answers = [await browser.get("/.well-known/jwks.json") for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
