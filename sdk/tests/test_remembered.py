"""What is remembered between the halves of a sign-in, in a session that may hold anything."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flextell_sdk.errors import SignInError, SignInMismatch
from flextell_sdk.sign_in import Remembered, finish_sign_in
from sdk.tests.strategies import any_json
from sdk.tests.world import ASKED

texts = st.text()


@given(
    st.builds(
        Remembered,
        issuer=texts,
        client_id=texts,
        redirect_uri=texts,
        scope=texts,
        names_itself=st.booleans(),
        state=texts,
        verifier=texts,
        nonce=texts,
    )
)
def test_what_is_remembered_comes_back_from_text(kept: Remembered) -> None:
    assert Remembered.from_text(kept.to_text()) == kept


MEMBERS = json.loads(ASKED.to_text())


@given(
    texts
    | any_json.map(json.dumps)
    | st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS, any_json)).map(json.dumps)
    | st.tuples(st.sampled_from([*MEMBERS]), any_json).map(
        lambda changed: json.dumps({**MEMBERS, changed[0]: changed[1]})
    )
)
@example("")
@example(json.dumps({**MEMBERS, "state": None}))
@example(json.dumps({**MEMBERS, "issuer": 1}))
@example(json.dumps({**MEMBERS, "unknown": "member"}))
def test_a_session_with_anything_else_in_it_is_no_sign_in(text: str) -> None:
    """A session may hold what an older version, or somebody else, wrote."""
    try:
        kept = Remembered.from_text(text)
    except SignInMismatch:
        return
    with suppress(SignInError):
        finish_sign_in("?code=c&state=the+state&iss=https%3A%2F%2Fauth.example", kept)


def test_a_session_without_any_is_no_sign_in() -> None:
    with pytest.raises(SignInMismatch, match="No sign-in was begun"):
        Remembered.from_text(None)  # type: ignore[arg-type]
