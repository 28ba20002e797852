"""The second half of a sign-in: what the person comes back with (RFC 6749 §4.1.2, RFC 9207)."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell_sdk.errors import AccessDenied, SignInError, SignInMismatch, SignInRefused
from flextell_sdk.sign_in import (
    ProvenCode,
    Remembered,
    finish_sign_in,
)
from sdk.tests.fake_server import ISSUER, REDIRECT_URI
from sdk.tests.strategies import any_text
from sdk.tests.world import ASKED

GOOD = {"code": "the code", "state": "the state", "iss": ISSUER}


def back_with(**said: str) -> str:
    return f"{REDIRECT_URI}?{urlencode(said)}"


@pytest.mark.parametrize("callback", [back_with(**GOOD), urlencode(GOOD), f"?{urlencode(GOOD)}"])
def test_the_whole_address_will_do_and_so_will_its_query(callback: str) -> None:
    assert finish_sign_in(callback, ASKED).code == "the code"


def test_a_fragment_is_no_part_of_the_answer() -> None:
    assert finish_sign_in(f"{back_with(**GOOD)}#_=_", ASKED).code == "the code"


MISMATCHES = {
    "no state": {"code": "c", "iss": ISSUER},
    "an empty state": {**GOOD, "state": ""},
    "another state": {**GOOD, "state": "the stat"},
    "a no to nobody's question": {"error": "access_denied", "state": "x", "iss": ISSUER},
    "another server": {**GOOD, "iss": "https://evil.example"},
    "an empty issuer": {**GOOD, "iss": ""},
    "a no of another server": {"error": "access_denied", "state": "the state", "iss": "https://e"},
    "no issuer": {"code": "c", "state": "the state"},
    "a no of nobody": {"error": "access_denied", "state": "the state"},
    "neither code nor error": {"state": "the state", "iss": ISSUER},
    "an empty code": {**GOOD, "code": ""},
}


@pytest.mark.parametrize("said", MISMATCHES.values(), ids=MISMATCHES)
def test_an_answer_to_another_question_is_not_believed(said: dict[str, str]) -> None:
    """RFC 9207 §2.4: a missing or different `iss` MUST be rejected, in errors too."""
    with pytest.raises(SignInMismatch):
        finish_sign_in(back_with(**said), ASKED)


def test_a_server_that_never_names_itself_need_not() -> None:
    asked = replace(ASKED, names_itself=False)

    assert finish_sign_in(back_with(code="c", state="the state"), asked).code == "c"


def test_a_server_that_names_another_is_not_believed_even_if_it_need_not_name_itself() -> None:
    """RFC 9207 §2.4."""
    asked = replace(ASKED, names_itself=False)

    with pytest.raises(SignInMismatch):
        finish_sign_in(back_with(**{**GOOD, "iss": "https://evil.example"}), asked)


def test_deny_is_a_no_of_the_person() -> None:
    said = {"error": "access_denied", "state": "the state", "iss": ISSUER}

    with pytest.raises(AccessDenied):
        finish_sign_in(back_with(**said), ASKED)


def test_any_other_error_is_a_no_of_the_server_which_says_why() -> None:
    """RFC 6749 §4.1.2.1."""
    said = {"error": "invalid_scope", "error_description": "There is no such scope."}
    with pytest.raises(SignInRefused) as refusal:
        finish_sign_in(back_with(**said, state="the state", iss=ISSUER), ASKED)

    assert (refusal.value.error, refusal.value.description) == tuple(said.values())
    assert str(refusal.value) == "invalid_scope: There is no such scope."


def test_a_code_beside_an_error_is_not_used() -> None:
    with pytest.raises(SignInRefused):
        finish_sign_in(back_with(**GOOD, error="server_error"), ASKED)


@pytest.mark.parametrize("name", ["code", "state", "iss", "error", "anything"])
def test_an_answer_that_says_something_twice_is_refused(name: str) -> None:
    """RFC 6749 §3.1: parameters MUST NOT be included more than once."""
    twice = {**GOOD, name: "x"}
    twice.pop("error", None)
    said = urlencode([*twice.items(), (name, "x"), (name, "x")])

    with pytest.raises(SignInMismatch, match="twice"):
        finish_sign_in(f"{REDIRECT_URI}?{said}", ASKED)


def judged(callback: str, asked: Remembered = ASKED) -> None:
    """Nothing but the two ways out."""
    try:
        code = finish_sign_in(callback, asked)
    except SignInError:
        return
    assert isinstance(code, ProvenCode)


@given(any_text)
@example("https://[photos.example/callback?code=c")
@example("https://photos.example\uff03/callback?code=c")
@example("?state=\ud800")
@example("?state=the+state&iss=\ud800")
@example("?state=%ff")
@example("?" + "&" * 100)
def test_any_text_is_a_code_or_an_error_of_the_sign_in(callback: str) -> None:
    judged(callback)


@given(st.lists(st.tuples(st.sampled_from([*GOOD, "error", "error_description"]), any_text)))
def test_any_parameters_are_a_code_or_an_error_of_the_sign_in(said: list[tuple[str, str]]) -> None:
    judged("https://photos.example/?" + "&".join(f"{name}={value}" for name, value in said))


def test_nobody_else_makes_a_proven_code() -> None:
    with pytest.raises(TypeError, match="finish_sign_in"):
        ProvenCode("a code that nobody checked", ASKED, object())


def test_a_proven_code_stays_what_was_proven() -> None:
    code = finish_sign_in(back_with(**GOOD), ASKED)

    with pytest.raises(AttributeError):
        code.code = "another"  # type: ignore[misc]
    assert code.code == "the code"
