"""The authorization endpoint's rules: who asks, what for, what comes next (RFC 6749 §4.1.1)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.oauth import consent
from flextell.oauth.authorize import (
    PROMPTS,
    AskConsent,
    GrantCode,
    NextStep,
    Progress,
    RequestNotSupported,
    RequestUriNotSupported,
    SignedIn,
    SignIn,
    check,
    client_id_of,
    identify,
    next_step,
)
from flextell.oauth.errors import (
    AccessDenied,
    ConsentRequired,
    InvalidRequest,
    InvalidScope,
    LoginRequired,
    OAuthError,
    ShowError,
    UnsupportedResponseType,
)
from flextell.oauth.model import Client, Consent
from flextell.oauth.parameters import LIMITS, Form, parse_form
from tests.oauth.asked import (
    CHALLENGE,
    authorization,
    authorization_form,
    check_fit_to_send,
    proven,
)
from tests.world import NOON, PHONE, PHOTOS

ALICE = SignedIn("sub-alice", auth_time=NOON - 600)
ALLOWED = Consent("sub-alice", PHOTOS.client_id, PHOTOS.scopes, answered_at=NOON - 3600)
NOTHING_DONE = Progress()


def step(
    signed_in: SignedIn | None = ALICE,
    consent: Consent | None = ALLOWED,
    progress: Progress = NOTHING_DONE,
    now: int = NOON,
    **changed: str,
) -> NextStep:
    """What comes next for a good request of Photos."""
    return next_step(authorization(PHOTOS, **changed), signed_in, consent, progress, now)


# Phase one: nothing is sent back before client and redirect_uri are proven.


def test_the_client_and_its_redirect_uri_are_proven_together() -> None:
    """RFC 6749 §3.1.2.3."""
    found = identify(authorization_form(PHONE), PHONE)
    assert (found.client, found.redirect_uri, found.state) == (
        PHONE,
        PHONE.redirect_uris[0],
        "af0ifjsldkj",
    )


@pytest.mark.parametrize("query", [b"", b"client_id=", b"client_id=a&client_id=b"])
def test_a_request_without_one_client_id_is_shown(query: bytes) -> None:
    """RFC 6749 §4.1.2.1: MUST NOT redirect if the client identifier is missing or invalid."""
    with pytest.raises(ShowError):
        client_id_of(parse_form(query))


def test_an_unknown_client_is_shown() -> None:
    """RFC 6749 §4.1.2.1."""
    assert client_id_of(authorization_form()) == PHOTOS.client_id
    with pytest.raises(ShowError, match="no app with this client_id"):
        identify(authorization_form(), None)


@pytest.mark.parametrize(
    "redirect_uri",
    ["", "https://evil.example/callback", PHOTOS.redirect_uris[0] + "/", PHONE.redirect_uris[0]],
)
def test_a_wrong_redirect_uri_is_shown_and_never_followed(redirect_uri: str) -> None:
    """RFC 6749 §3.1.2.4, §4.1.2.1: MUST NOT redirect to the invalid redirection URI."""
    with pytest.raises(ShowError) as refused:
        proven(redirect_uri=redirect_uri)
    assert "evil" not in refused.value.description


def test_a_repeated_redirect_uri_is_shown_even_if_one_of_them_is_right() -> None:
    """RFC 6749 §3.1 and §4.1.2.1."""
    good = authorization_form()
    twice = Form(
        {n: v for n, v in good.values.items() if n != "redirect_uri"}, frozenset({"redirect_uri"})
    )
    with pytest.raises(ShowError):
        identify(twice, PHOTOS)


def test_a_registered_redirect_uri_is_needed_even_if_there_is_only_one() -> None:
    """RFC 6749 §3.1.2.3 lets it be left out; we do not, so that a code is bound to one."""
    with pytest.raises(ShowError, match="redirect_uri is missing"):
        proven(PHONE, redirect_uri="")


# Phase two: everything else goes back to the client.


def test_a_good_request_is_read_whole() -> None:
    """RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1."""
    request = authorization(
        scope="openid customers:read",
        nonce="n-0S6_WzA2Mj",
        prompt="login consent",
        max_age="3600",
        login_hint="alice@example.com",
    )
    assert request.scopes == {"openid", "customers:read"}
    assert request.code_challenge == CHALLENGE
    assert request.nonce == "n-0S6_WzA2Mj"
    assert request.prompt == {"login", "consent"}
    assert request.max_age == 3600
    assert request.login_hint == "alice@example.com"


def test_an_app_that_follows_the_documentation_to_the_letter_gets_through() -> None:
    """No PKCE, no state, no scope: as the documented flow of a server-side app has it."""
    request = authorization(state="", code_challenge="", code_challenge_method="")
    assert request.proven.state is None
    assert request.code_challenge is None
    assert request.scopes == PHOTOS.default_scopes


def test_state_is_kept_unchanged() -> None:
    """RFC 6749 §4.1.2: the exact value received from the client."""
    state = "a b+c%20d&e=f/ü🙂" + "x" * 100
    assert proven(state=state).state == state


def test_a_state_that_is_too_long_is_refused_and_not_sent_back() -> None:
    """RFC 6749 §4.1.2.1 invalid_request."""
    asked = authorization_form(state="x" * (LIMITS["state"] + 1))
    found = identify(asked, PHOTOS)
    assert found.state is None
    with pytest.raises(InvalidRequest, match="state is too long"):
        check(asked, found, pkce_for_all=False)


@pytest.mark.parametrize("name", ["scope", "state", "code_challenge", "nonce", "colour"])
def test_a_repeated_parameter_goes_back_as_invalid_request(name: str) -> None:
    """RFC 6749 §3.1, §4.1.2.1: also one that we do not know."""
    good = authorization_form()
    asked = Form({n: v for n, v in good.values.items() if n != name}, frozenset({name}))
    with pytest.raises(InvalidRequest, match=f"{name} was sent more than once"):
        check(asked, identify(asked, PHOTOS), pkce_for_all=False)


@pytest.mark.parametrize("response_type", ["token", "id_token", "code token", "code id_token", "x"])
def test_only_the_code_is_given(response_type: str) -> None:
    """RFC 6749 §3.1.1, RFC 9700 §2.1.2 (no implicit grant)."""
    with pytest.raises(UnsupportedResponseType):
        authorization(response_type=response_type)


def test_a_request_without_a_response_type_is_invalid() -> None:
    """RFC 6749 §3.1.1: missing → an error response as described in §4.1.2.1."""
    with pytest.raises(InvalidRequest, match="response_type is missing"):
        authorization(response_type="")


def test_the_answer_comes_in_the_query_alone() -> None:
    assert authorization(response_mode="query") == authorization()
    for mode in ("fragment", "form_post", "web_message"):
        with pytest.raises(InvalidRequest, match="response_mode must be query"):
            authorization(response_mode=mode)


def test_request_objects_are_not_supported_and_say_so() -> None:
    """OpenID Connect Core §3.1.2.6, §6."""
    with pytest.raises(RequestNotSupported) as by_value:
        authorization(request="e30.e30.")
    with pytest.raises(RequestUriNotSupported) as by_reference:
        authorization(request_uri="https://photos.example/request")
    assert by_value.value.code == "request_not_supported"
    assert by_reference.value.code == "request_uri_not_supported"


@pytest.mark.parametrize(
    ("client", "for_all"),
    [(PHONE, False), (replace(PHOTOS, require_pkce=True), False), (PHOTOS, True)],
)
def test_pkce_is_demanded_of_public_clients_of_marked_ones_and_of_all_by_a_setting(
    client: Client, for_all: bool
) -> None:
    """RFC 9700 §2.1.1: public clients MUST use PKCE; RFC 7636 §4.4.1."""
    with_pkce = authorization_form(client)
    assert check(with_pkce, identify(with_pkce, client), for_all).code_challenge == CHALLENGE
    without = authorization_form(client, code_challenge="", code_challenge_method="")
    with pytest.raises(InvalidRequest, match="code_challenge is missing"):
        check(without, identify(without, client), for_all)


def test_a_challenge_that_was_sent_is_checked_even_where_it_is_optional() -> None:
    """RFC 7636 §4.4.1."""
    with pytest.raises(InvalidRequest):
        authorization(code_challenge_method="plain")


def test_a_scope_beyond_the_registration_goes_back_as_invalid_scope() -> None:
    """RFC 6749 §3.3, §4.1.2.1."""
    with pytest.raises(InvalidScope):
        authorization(scope="customers:read files:write")


@pytest.mark.parametrize("prompt", ["none login", "none consent", "nonsense", "login  consent"])
def test_a_prompt_is_a_list_in_which_none_stands_alone(prompt: str) -> None:
    """OpenID Connect Core §3.1.2.1: none with any other value is an error."""
    with pytest.raises(InvalidRequest, match="prompt"):
        authorization(prompt=prompt)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_prompt_that_we_announce_is_accepted(prompt: str) -> None:
    assert authorization(prompt=prompt).prompt == {prompt}


@pytest.mark.parametrize("max_age", ["-1", "1.5", "1e3", "abc", "9999999999", "٣", " 1"])
def test_max_age_is_a_whole_number_of_seconds(max_age: str) -> None:
    """OpenID Connect Core §3.1.2.1."""
    with pytest.raises(InvalidRequest, match="max_age"):
        authorization(max_age=max_age)


texts = st.text(st.characters(codec="utf-8"), max_size=20)
request_values = st.fixed_dictionaries(
    {},
    optional={
        "response_type": st.just("code") | texts,
        "scope": st.just("customers:read") | texts,
        "state": texts,
        "code_challenge": st.just(CHALLENGE) | texts,
        "code_challenge_method": st.sampled_from(["S256", "plain"]) | texts,
        "prompt": st.sampled_from(PROMPTS) | texts,
        "max_age": st.integers(-5, 10**12).map(str) | texts,
        "response_mode": texts,
        "nonce": texts,
        "request": texts,
    },
)


@given(request_values, st.sampled_from([PHOTOS, PHONE]), st.booleans())
def test_whatever_is_asked_is_a_checked_request_or_an_error_for_the_client(
    changed: dict[str, str], client: Client, for_all: bool
) -> None:
    asked = authorization_form(client, **changed)
    try:
        request = check(asked, identify(asked, client), for_all)
    except OAuthError as refusal:
        check_fit_to_send(refusal)
        return
    assert request.scopes <= client.scopes
    assert request.code_challenge == CHALLENGE or (
        request.code_challenge is None and client.confidential and not for_all
    )


# What comes next.


def test_nobody_signed_in_means_the_sign_in_page() -> None:
    assert step(signed_in=None) == SignIn()


def test_somebody_who_never_agreed_is_asked() -> None:
    """RFC 6749 §4.1.1: the server obtains an authorization decision."""
    asked = step(consent=None)
    assert isinstance(asked, AskConsent)
    assert asked.question.new == PHOTOS.default_scopes
    assert asked.question.known == frozenset()


def test_a_remembered_consent_is_not_asked_for_again() -> None:
    assert step() == GrantCode(ALICE, PHOTOS.default_scopes)


def test_a_remembered_consent_is_asked_again_for_what_it_does_not_cover() -> None:
    some = Consent("sub-alice", PHOTOS.client_id, frozenset({"account:read"}), NOON)
    asked = step(consent=some)
    assert isinstance(asked, AskConsent)
    assert asked.question == consent.Question(
        new=frozenset({"customers:read"}), known=frozenset({"account:read"})
    )


def test_having_clicked_allow_is_not_enough_if_the_answer_was_not_kept() -> None:
    """What is allowed is what the store says, not what a page attests."""
    assert isinstance(step(consent=None, progress=Progress(allowed=True)), AskConsent)


@pytest.mark.parametrize("signed_in", [None, ALICE])
def test_deny_sends_access_denied(signed_in: SignedIn | None) -> None:
    """RFC 6749 §4.1.2.1 access_denied."""
    with pytest.raises(AccessDenied) as refused:
        step(signed_in=signed_in, progress=Progress(signed_in=True, denied=True))
    assert refused.value.code == "access_denied"


def test_prompt_login_asks_for_the_password_once_more_and_only_once() -> None:
    """OpenID Connect Core §3.1.2.1: SHOULD prompt the End-User for reauthentication."""
    assert step(prompt="login") == SignIn()
    assert isinstance(step(prompt="login", progress=Progress(signed_in=True)), GrantCode)


def test_prompt_consent_asks_once_more_and_only_once() -> None:
    """OpenID Connect Core §3.1.2.1."""
    assert isinstance(step(prompt="consent"), AskConsent)
    assert isinstance(step(prompt="consent", progress=Progress(allowed=True)), GrantCode)


def test_prompt_login_and_consent_ask_for_one_after_the_other() -> None:
    """OpenID Connect Core §3.1.2.1: a space-delimited list."""
    both = "login consent"
    assert step(prompt=both) == SignIn()
    assert isinstance(step(prompt=both, progress=Progress(signed_in=True)), AskConsent)
    assert isinstance(step(prompt=both, progress=Progress(signed_in=True, allowed=True)), GrantCode)


def test_prompt_none_never_shows_a_page() -> None:
    """OpenID Connect Core §3.1.2.1, §3.1.2.6: login_required, consent_required."""
    assert isinstance(step(prompt="none"), GrantCode)
    with pytest.raises(LoginRequired):
        step(prompt="none", signed_in=None)
    with pytest.raises(LoginRequired):
        step(prompt="none", max_age="60")
    with pytest.raises(ConsentRequired):
        step(prompt="none", consent=None)


@pytest.mark.parametrize(
    ("max_age", "must_sign_in"), [("0", True), ("599", True), ("600", False), ("601", False)]
)
def test_an_older_sign_in_than_max_age_is_renewed(max_age: str, must_sign_in: bool) -> None:
    """OpenID Connect Core §3.1.2.1: greater than max_age → MUST re-authenticate."""
    assert (step(max_age=max_age) == SignIn()) == must_sign_in
    assert isinstance(step(max_age=max_age, progress=Progress(signed_in=True)), GrantCode)


people = st.none() | st.builds(SignedIn, st.just("sub-alice"), st.integers(NOON - 10_000, NOON))
consents = st.none() | st.builds(
    Consent,
    st.just("sub-alice"),
    st.just(PHOTOS.client_id),
    st.frozensets(st.sampled_from(sorted(PHOTOS.scopes))),
    st.just(NOON),
)
progresses = st.builds(Progress, st.booleans(), st.booleans(), st.booleans())
prompts = st.sampled_from(["", "none", "login", "consent", "login consent"])


@given(people, consents, progresses, prompts, st.none() | st.integers(0, 10_000))
def test_a_code_is_only_ever_given_to_somebody_signed_in_who_agreed(
    signed_in: SignedIn | None,
    remembered: Consent | None,
    progress: Progress,
    prompt: str,
    max_age: int | None,
) -> None:
    """RFC 6749 §10.2; the four promises of the endpoint, whatever the pages attest."""
    asked = authorization(prompt=prompt, max_age="" if max_age is None else str(max_age))
    try:
        found = next_step(asked, signed_in, remembered, progress, NOON)
    except OAuthError as refusal:
        denied = progress.denied and isinstance(refusal, AccessDenied)
        assert denied or prompt == "none"
        return
    assert not progress.denied
    if prompt == "none":
        assert isinstance(found, GrantCode)
    if isinstance(found, GrantCode):
        assert signed_in is not None
        assert remembered is not None
        assert found.signed_in == signed_in
        assert found.scopes <= remembered.scopes
        if "login" in prompt or (max_age is not None and NOON - signed_in.auth_time > max_age):
            assert progress.signed_in
