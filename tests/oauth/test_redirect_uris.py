"""Which redirect URIs may be registered, which match, and how an answer is appended."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell.oauth.redirect_uris import (
    MAXIMUM_CHARACTERS,
    ProvenRedirect,
    destination,
    form_action_source,
    match,
    problem_with,
    with_parameters,
)

FLUTTER = "com.example.flextellcase://oauth-callback"
UNDERSCORES = "com.example.flutter_application_flextell_case://oauth-callback"
"""The redirect URIs of the two mobile apps in the field."""

REGISTERED = (
    "https://photos.example/callback",
    "https://photos.example/callback?tenant=1",
    "http://127.0.0.1/callback",
    "http://[::1]:8400/",
    "http://localhost:3000/callback",
    UNDERSCORES,
)

ALLOWED = (
    FLUTTER,
    UNDERSCORES,
    "https://photos.example/callback",
    "https://photos.example",
    "https://photos.example:8443/a/b?c=d&e=%20f",
    "https://[2001:db8::1]:8443/callback",
    "http://127.0.0.1/callback",
    "http://127.0.0.1:8400/callback",
    "http://[::1]/callback",
    "http://localhost:3000/callback",
    "com.example.app:/oauth2redirect",
    "HTTPS://photos.example/callback",
)
REFUSED = (
    "",
    "callback",
    "/callback",
    "//photos.example/callback",
    "https:photos.example/callback",
    "https:/photos.example/callback",
    "https:///callback",
    "https://?callback",
    "https://photos.example/callback#fragment",
    "https://photos.example/callback#",
    f"{FLUTTER}#",
    "https://*.photos.example/callback",
    "https://photos.example/*",
    "https://alice@photos.example/callback",
    "https://alice:secret@photos.example/callback",
    "https://photos.example\\@evil.example/callback",
    "https://photos.example:port/callback",
    "https://photos.example:123456/callback",
    "https://photos.example;script-src/callback",
    "https://photos.example,evil.example/callback",
    "https://photos.example'/callback",
    "https://'unsafe-inline'/callback",
    'https://photos.example"/callback',
    "https://photos.example /callback",
    "https://photos.example/call back",
    "https://photos.example/<callback>",
    "https://photos.example/callback\n",
    "https://photös.example/callback",
    "https://photos.example/callb\u00e4ck",
    "https://photos.example:8\uff1443/callback",
    "http://photos.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.2/callback",
    "http://localhost.evil.example/callback",
    "http://0.0.0.0/callback",
    "javascript:alert(1)",
    "JavaScript://photos.example/%0aalert(1)",
    "data:text/html,hello",
    "vbscript:msgbox",
    "file:///etc/passwd",
    "blob:https://photos.example/1",
    "about:blank",
    "view-source:https://photos.example/",
    "ws://photos.example/",
    "wss://photos.example/",
    "com.example.app:",
    "_app://callback",
    "1app://callback",
    "https://photos.example/" + "a" * MAXIMUM_CHARACTERS,
)

uri_text = st.text(
    st.sampled_from("abcdehlmopstxyz0179:/?#[]@!$&'()*+,;=%\"<> -._~\\\n\u0663")
    | st.characters(codec="utf-8"),
    max_size=60,
)


@pytest.mark.parametrize("uri", ALLOWED)
def test_a_good_redirect_uri_may_be_registered(uri: str) -> None:
    """RFC 6749 §3.1.2 (absolute URI), RFC 8252 §7.1, §7.3; both mobile apps' URIs are good."""
    assert problem_with(uri) is None


@pytest.mark.parametrize("uri", REFUSED)
def test_a_bad_redirect_uri_may_not_be_registered(uri: str) -> None:
    """RFC 6749 §3.1.2 (no fragment, absolute), §3.1.2.1 (TLS), RFC 9700 §4.1.3 (no wildcards)."""
    problem = problem_with(uri)
    assert problem is not None
    assert problem.isascii()
    assert problem.endswith(".")


def test_a_redirect_uri_has_a_longest_length() -> None:
    uri = "https://photos.example/"
    uri += "a" * (MAXIMUM_CHARACTERS - len(uri))
    assert problem_with(uri) is None
    assert problem_with(uri + "a") is not None


@given(uri_text | uri_text.map("https://{}".format) | uri_text.map("https://{}/cb".format))
@example("https://a;b/")
@example("https://a,b/")
def test_what_may_be_registered_cannot_break_out_of_a_security_policy(uri: str) -> None:
    """The host is quoted in a Content-Security-Policy: nothing in it may end a directive."""
    if problem_with(uri) is not None:
        return
    assert uri.isascii()
    assert uri.isprintable()
    assert "#" not in uri
    source = form_action_source(uri)
    assert source is None or not set(source) & set(" ;,'\"*@\\")


@given(uri_text.map("https://{}/callback".format))
@example("https://alice@photos.example/callback")
@example("https://photos.example\\@evil.example/callback")
def test_a_registered_web_address_names_the_host_that_a_url_parser_sees(uri: str) -> None:
    if problem_with(uri) is None:
        parsed = urlsplit(uri)
        assert parsed.username is None
        assert parsed.hostname
        assert destination(uri) == parsed.netloc


@pytest.mark.parametrize("uri", REGISTERED)
def test_the_registered_text_matches(uri: str) -> None:
    """RFC 6749 §3.1.2.3, RFC 9700 §2.1: exact string matching."""
    assert match(uri, REGISTERED) == uri


@pytest.mark.parametrize(
    "asked",
    [
        "https://photos.example/callback/",
        "https://photos.example/Callback",
        "https://photos.example/callback?",
        "https://photos.example/callback?tenant=2",
        "https://photos.example/callback?tenant=1&more=2",
        "https://photos.example/callback#fragment",
        "https://photos.example/./callback",
        "https://photos.example/x/../callback",
        "https://photos.example/%63allback",
        "https://photos.example:443/callback",
        "https://PHOTOS.example/callback",
        "HTTPS://photos.example/callback",
        "https://evil.example/callback",
        "https://photos.example.evil.example/callback",
        "https://photos.example@evil.example/callback",
        "http://photos.example/callback",
        " https://photos.example/callback",
        "https://photos.example/callback\n",
        "http://localhost:3001/callback",
        "http://localhost/callback",
        FLUTTER,
        UNDERSCORES + "/",
        UNDERSCORES.upper(),
        "",
    ],
)
def test_anything_but_the_registered_text_does_not_match(asked: str) -> None:
    """RFC 9700 §4.1.3: no normalisation, no prefixes, no patterns."""
    assert match(asked, REGISTERED) is None


@given(st.integers(0, 99_999))
def test_a_loopback_literal_matches_on_any_port(port: int) -> None:
    """RFC 8252 §7.3: the server MUST allow any port for loopback IP redirect URIs."""
    assert match(f"http://127.0.0.1:{port}/callback", REGISTERED)
    assert match(f"http://[::1]:{port}/", REGISTERED)


def test_a_loopback_literal_matches_without_a_port() -> None:
    """RFC 8252 §7.3."""
    assert match("http://127.0.0.1/callback", ["http://127.0.0.1:8400/callback"])


@pytest.mark.parametrize(
    "asked",
    [
        "http://127.0.0.1:8400/other",
        "http://127.0.0.1:8400/callback?x=1",
        "http://127.0.0.1:8400",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:123456/callback",
        "http://127.0.0.1:80:80/callback",
        "http://127.0.0.1:8400@evil.example/callback",
        "http://127.0.0.1:\u0663\u0664/callback",
        "http://127.0.0.1:\uff18\uff14/callback",
        "http://127.0.0.1.evil.example:8400/callback",
        "http://127.0.0.1:8400/callback\n",
        "http://127.0.0.2:8400/callback",
        "http://[::1]:8400/callback",
        "https://127.0.0.1:8400/callback",
        "http://localhost:8400/callback",
    ],
)
def test_on_loopback_only_the_port_may_differ(asked: str) -> None:
    """RFC 8252 §7.3. A port is ASCII digits: other digits are no port to a browser."""
    assert match(asked, REGISTERED) is None


@given(uri_text, st.sampled_from(REGISTERED), st.integers(0, 100), st.integers(0, 100))
def test_no_change_of_a_registered_text_matches(
    inserted: str, registered: str, start: int, length: int
) -> None:
    """RFC 9700 §2.1: whatever matches is registered, but for the port of a loopback literal."""
    asked = registered[:start] + inserted + registered[start + length :]
    found = match(asked, [registered])
    if found is None or asked == registered:
        return
    assert found == asked
    one, other = urlsplit(asked), urlsplit(registered)
    assert asked.isascii()
    assert (one.scheme, one.hostname, one.path, one.query) == (
        other.scheme,
        other.hostname,
        other.path,
        other.query,
    )
    assert one.hostname in ("127.0.0.1", "::1")
    assert one.username is None


@given(
    st.sampled_from([*ALLOWED, "https://photos.example/cb?", "https://photos.example/cb?a=b&"]),
    st.dictionaries(
        st.sampled_from(["code", "state", "iss", "error"]), st.text(st.characters(codec="utf-8"))
    ),
)
def test_an_answer_is_appended_and_the_registered_text_stays(
    uri: str, answer: dict[str, str]
) -> None:
    """RFC 6749 §3.1.2 (a query MUST be retained), §4.1.2 (parameters in the query)."""
    sent = with_parameters(ProvenRedirect(uri), answer)
    assert sent.startswith(uri)
    assert sent.isascii()
    assert sent.isprintable()
    assert "#" not in sent
    before = parse_qsl(uri.partition("?")[2], keep_blank_values=True)
    after = parse_qsl(sent.partition("?")[2], keep_blank_values=True)
    assert after == before + list(answer.items())


@pytest.mark.parametrize(
    ("uri", "sent"),
    [
        ("https://photos.example/cb", "https://photos.example/cb?code=x"),
        ("https://photos.example/cb?a=b", "https://photos.example/cb?a=b&code=x"),
        ("https://photos.example/cb?a=b&", "https://photos.example/cb?a=b&code=x"),
        ("https://photos.example/cb?", "https://photos.example/cb?code=x"),
        (UNDERSCORES, UNDERSCORES + "?code=x"),
    ],
)
def test_the_answer_is_joined_by_the_right_character(uri: str, sent: str) -> None:
    """RFC 6749 §3.1.2, appendix B."""
    assert with_parameters(ProvenRedirect(uri), {"code": "x"}) == sent


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://photos.example:8443/callback", "photos.example:8443"),
        ("http://127.0.0.1:9/callback", "127.0.0.1:9"),
        (FLUTTER, "the app behind com.example.flextellcase:"),
    ],
)
def test_a_person_reads_where_they_will_be_sent(uri: str, shown: str) -> None:
    assert destination(uri) == shown


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://photos.example:8443/callback?x=y", "https://photos.example:8443"),
        ("http://127.0.0.1:9/callback", "http://127.0.0.1:9"),
        (FLUTTER, "com.example.flextellcase:"),
        (UNDERSCORES, None),
        ("http://[::1]:9/callback", None),
        ("https://my_photos.example/callback", None),
    ],
)
def test_a_form_may_lead_there_where_a_security_policy_has_words_for_it(
    uri: str, source: str | None
) -> None:
    """CSP Level 3 §2.3.1: neither underscores nor IPv6 addresses are valid source expressions."""
    assert form_action_source(uri) == source
