"""Who is calling the token endpoint (RFC 6749 §2.3)."""

from base64 import b64encode
from dataclasses import replace
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell.oauth.client_auth import Credentials, Method, authenticate, read_credentials
from flextell.oauth.errors import InvalidClient, InvalidRequest, OAuthError
from flextell.oauth.model import digest_of
from flextell.oauth.parameters import LIMITS, Form
from tests.oauth.asked import check_fit_to_send, form
from tests.world import PHONE, PHOTOS, SECRET

NOTHING = Form({})
ONE_ANSWER = "The client is unknown or its secret is wrong."
printable = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1)


def basic(client_id: str, secret: str) -> str:
    """HTTP Basic as RFC 6749 §2.3.1 writes it: both parts form-encoded first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + b64encode(pair.encode("ascii")).decode("ascii")


def raw_basic(pair: bytes) -> str:
    """HTTP Basic of any bytes."""
    return "Basic " + b64encode(pair).decode("ascii")


@given(printable.filter(lambda t: len(t) <= LIMITS["client_id"]), printable)
@example("a:b", "p%ss:w+rd ü")
def test_basic_parts_are_form_decoded(client_id: str, secret: str) -> None:
    """RFC 6749 §2.3.1, appendix B."""
    read = read_credentials(basic(client_id, secret), NOTHING)
    assert read == Credentials(client_id, secret, "client_secret_basic")


def test_basic_as_a_library_writes_it_that_does_not_encode() -> None:
    """Letters and digits read the same with or without the form encoding."""
    read = read_credentials(raw_basic(f"{PHOTOS.client_id}:{SECRET}".encode()), NOTHING)
    assert read == Credentials(PHOTOS.client_id, SECRET, "client_secret_basic")


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic  "])
def test_the_name_of_the_scheme_has_no_case(scheme: str) -> None:
    """RFC 9110 §11.1: the scheme is case-insensitive, followed by one or more spaces."""
    pair = b64encode(b"photos:secret").decode()
    assert read_credentials(f"{scheme} {pair}", NOTHING).client_id == "photos"


def test_body_parameters_name_and_prove_the_client() -> None:
    """RFC 6749 §2.3.1: client_id and client_secret in the request body."""
    read = read_credentials(None, form(client_id="photos", client_secret="s"))
    assert read == Credentials("photos", "s", "client_secret_post")


def test_a_public_client_only_names_itself() -> None:
    """RFC 6749 §3.2.1: a client MAY use client_id to identify itself."""
    assert read_credentials(None, form(client_id="phone")) == Credentials("phone", None, "none")


def test_basic_with_an_empty_password_names_a_public_client() -> None:
    assert read_credentials(raw_basic(b"phone:"), NOTHING) == Credentials("phone", None, "none")


def test_two_methods_at_once_are_refused() -> None:
    """RFC 6749 §2.3: the client MUST NOT use more than one method in each request."""
    with pytest.raises(InvalidRequest, match="not by both"):
        read_credentials(basic("photos", "s"), form(client_id="photos", client_secret="s"))


def test_the_same_client_id_in_the_body_is_tolerated_and_another_is_not() -> None:
    """RFC 6749 §2.3."""
    read = read_credentials(basic("photos", "s"), form(client_id="photos"))
    assert read.method == "client_secret_basic"
    with pytest.raises(InvalidRequest, match="not the client of the Authorization header"):
        read_credentials(basic("photos", "s"), form(client_id="phone"))


def test_no_client_at_all_is_invalid_client() -> None:
    """RFC 6749 §5.2: no client authentication included."""
    with pytest.raises(InvalidClient) as refused:
        read_credentials(None, form(grant_type="refresh_token"))
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Bearer abc",
        "Basic !!!!",
        "Basic YQ",
        "Basic YQ== YQ==",
        raw_basic(b"no colon"),
        raw_basic(b":secret"),
        raw_basic(b"\xff\xfe:secret"),
        raw_basic(b"%ff:secret"),
        raw_basic(b"photos:%ff"),
        raw_basic(b"pho\x00tos:secret"),
        raw_basic(b"pho%00tos:secret"),
        raw_basic(b"pho\ntos:secret"),
        raw_basic(b"a" * (LIMITS["client_id"] + 1) + b":secret"),
    ],
)
def test_a_malformed_authorization_header_is_invalid_client(authorization: str) -> None:
    """RFC 6749 §5.2. No control character gets as far as a database or a log."""
    with pytest.raises(InvalidClient):
        read_credentials(authorization, NOTHING)


anything = st.none() | st.text() | st.binary().map(raw_basic) | st.text().map("Basic {}".format)


@given(
    anything,
    st.dictionaries(st.sampled_from(["client_id", "client_secret"]), st.text(min_size=1)),
    st.frozensets(st.sampled_from(["client_id", "client_secret"])),
)
def test_reading_credentials_raises_nothing_but_oauth_errors(
    authorization: str | None, values: dict[str, str], repeated: frozenset[str]
) -> None:
    try:
        read = read_credentials(authorization, Form(values, repeated))
    except OAuthError as refusal:
        check_fit_to_send(refusal)
        return
    assert read.client_id
    assert len(read.client_id) <= LIMITS["client_id"]
    assert "\x00" not in read.client_id
    assert (read.secret is None) == (read.method == "none")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_may_use_either_method(method: Method) -> None:
    """RFC 6749 §2.3.1; the mobile apps use Basic for the code and the body for the refresh."""
    assert authenticate(Credentials(PHOTOS.client_id, SECRET, method), PHOTOS) is PHOTOS


def test_a_public_client_is_taken_at_its_word() -> None:
    """RFC 6749 §3.2.1."""
    assert authenticate(Credentials(PHONE.client_id, None, "none"), PHONE) is PHONE


def test_a_confidential_client_must_prove_itself() -> None:
    """RFC 6749 §3.2.1, §6: confidential clients MUST authenticate."""
    with pytest.raises(InvalidClient, match=ONE_ANSWER):
        authenticate(Credentials(PHOTOS.client_id, None, "none"), PHOTOS)


@given(st.text().filter(lambda text: text != SECRET))
def test_no_other_secret_proves_a_client(secret: str) -> None:
    """RFC 6749 §5.2 invalid_client."""
    with pytest.raises(InvalidClient, match=ONE_ANSWER):
        authenticate(Credentials(PHOTOS.client_id, secret, "client_secret_post"), PHOTOS)


def test_every_reason_gets_the_same_answer_and_its_own_detail() -> None:
    """An answer that told them apart would tell which clients exist."""
    refusals = []
    for client, secret in ((None, SECRET), (None, None), (PHONE, SECRET), (PHOTOS, "wrong")):
        with pytest.raises(InvalidClient) as refused:
            authenticate(Credentials("id", secret, "client_secret_post"), client)
        refusals.append(refused.value)
    assert {refusal.description for refusal in refusals} == {ONE_ANSWER}
    assert len({refusal.detail for refusal in refusals}) == 3


def test_the_stand_in_for_an_unknown_client_is_no_secret() -> None:
    """What an unknown client's secret is compared with opens nothing."""
    stand_in = "no such secret"
    public = replace(PHOTOS, secret_digest=None)
    for client in (None, public, PHOTOS):
        with pytest.raises(InvalidClient):
            authenticate(Credentials(PHOTOS.client_id, stand_in, "client_secret_post"), client)


def test_only_the_digest_of_a_secret_is_known() -> None:
    assert PHOTOS.secret_digest == digest_of(SECRET)
    assert SECRET not in repr(PHOTOS)
