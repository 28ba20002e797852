"""Signatures of webhooks: made as the standard says, refused for whatever is changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.tenants.webhooks import (
    ID,
    SIGNATURE,
    TIMESTAMP,
    MalformedSecret,
    NotSigned,
    Secret,
    TooOld,
    WebhookRefusal,
    WrongSignature,
    secret_from,
    signature,
    signed_headers,
    verify,
)

NOON = 1_795_435_200
CLINIC = Secret(b"c" * 32)
STRANGER = Secret(b"s" * 32)
OLD = Secret(b"o" * 32)
BODY = b'{"id":"m1"}'


def headers(*secrets: Secret, at: int = NOON) -> dict[str, str]:
    return signed_headers(secrets or (CLINIC,), "msg_1", at, BODY)


def test_the_example_of_the_standard_is_signed_as_there() -> None:
    """The vector that the reference libraries of Standard Webhooks are tested with."""
    secret = secret_from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_was_signed_is_taken_and_says_its_id() -> None:
    assert verify(headers(), BODY, [CLINIC], NOON) == "msg_1"


@given(st.binary(max_size=200), st.integers(0, 2**33), st.binary(min_size=1, max_size=64))
def test_whatever_is_signed_verifies(body: bytes, at: int, key: bytes) -> None:
    made = signed_headers([Secret(key)], "msg_1", at, body)
    assert verify(made, body, [Secret(key)], at) == "msg_1"


@pytest.mark.parametrize("changed", [ID, TIMESTAMP, "body", "secret"])
def test_whatever_is_changed_is_refused(changed: str) -> None:
    sent, body, secrets = headers(), BODY, [CLINIC]
    match changed:
        case "body":
            body += b" "
        case "secret":
            secrets = [STRANGER]
        case _:
            sent[changed] = {ID: "msg_2", TIMESTAMP: str(NOON + 1)}[changed]

    with pytest.raises(WrongSignature):
        verify(sent, body, secrets, NOON)


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_a_webhook_is_good_for_five_minutes_on_either_side(age: int) -> None:
    assert verify(headers(at=NOON - age), BODY, [CLINIC], NOON) == "msg_1"


@pytest.mark.parametrize("age", [-301, 301, NOON])
def test_an_older_one_and_one_of_the_future_are_refused(age: int) -> None:
    with pytest.raises(TooOld):
        verify(headers(at=NOON - age), BODY, [CLINIC], NOON)


def test_while_a_secret_is_replaced_either_side_may_be_first() -> None:
    """Ours goes out under both; theirs comes in under either."""
    assert verify(headers(CLINIC, OLD), BODY, [OLD], NOON)
    assert verify(headers(CLINIC, OLD), BODY, [CLINIC], NOON)
    assert verify(headers(OLD), BODY, [CLINIC, OLD], NOON)
    assert verify(headers(CLINIC), BODY, [CLINIC, OLD], NOON)


def test_signatures_of_other_versions_are_passed_over() -> None:
    sent = headers()
    sent[SIGNATURE] = f"v1a,AAAA {sent[SIGNATURE]} v2,BBBB"
    assert verify(sent, BODY, [CLINIC], NOON) == "msg_1"


def test_only_a_few_signatures_are_looked_at() -> None:
    sent = headers()
    sent[SIGNATURE] = "v1,AAAA " * 8 + sent[SIGNATURE]
    with pytest.raises(WrongSignature):
        verify(sent, BODY, [CLINIC], NOON)


def test_without_a_secret_nothing_is_right() -> None:
    with pytest.raises(WrongSignature):
        verify(headers(), BODY, [], NOON)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *((ID, ""), (ID, "a b"), (ID, "x" * 256), (ID, "\N{SNOWMAN}")),
        *((TIMESTAMP, ""), (TIMESTAMP, "-1"), (TIMESTAMP, "1.5"), (TIMESTAMP, "9" * 13)),
        *((TIMESTAMP, "\N{ARABIC-INDIC DIGIT ONE}"), (SIGNATURE, ""), (SIGNATURE, "v2,AAAA")),
    ],
)
def test_a_header_that_is_missing_or_malformed_is_named(header: str, value: str) -> None:
    with pytest.raises(NotSigned, match=header):
        verify(headers() | {header: value}, BODY, [CLINIC], NOON)


@given(
    st.dictionaries(st.sampled_from([ID, TIMESTAMP, SIGNATURE]), st.text(max_size=40)),
    st.binary(max_size=40),
)
def test_no_stranger_gets_in_and_none_breaks_it(sent: dict[str, str], body: bytes) -> None:
    latin = {
        name: value.encode("utf-8", "ignore").decode("latin-1") for name, value in sent.items()
    }
    with pytest.raises(WebhookRefusal) as refusal:
        verify(latin, body, [CLINIC], NOON)

    assert str(refusal.value).isascii()


def test_a_secret_comes_back_from_its_text_and_does_not_show_itself() -> None:
    assert secret_from(CLINIC.text) == CLINIC
    assert CLINIC.text.startswith("whsec_")
    assert "c" * 8 not in repr(CLINIC)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_***", "Y2xpbmlj", "whsec_\u00e9"])
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(MalformedSecret):
        secret_from(text)
