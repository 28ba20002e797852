"""The server's keys: fetched once for all, kept as long as they may be (RFC 7517 §5)."""

import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from flextell_sdk.guard import Caller, MalformedToken, Unavailable
from flextell_sdk.guard.asking import seconds_to_keep
from flextell_sdk.guard.keys import KeySet, VerifyingKey
from sdk.tests.guard.issuer import (
    FIRST_KEY,
    KEYS,
    METADATA,
    Issuer,
    bearer,
    new_key,
    settled,
)

SECOND_KEY = new_key("second")
MANY = 64


def rotate(issuer: Issuer) -> None:
    """The server signs with a new key, and still publishes the old one."""
    issuer.key = SECOND_KEY
    issuer.published = [FIRST_KEY.as_dict(), SECOND_KEY.as_dict()]


def keys_only_when_all_have_begun(issuer: Issuer) -> Callable[[], None]:
    """The key set is answered once `MANY` have called the result."""
    begun = threading.Semaphore(0)

    def wait_for_all(path: str) -> None:
        if path == KEYS:
            for _ in range(MANY):
                assert begun.acquire(timeout=30)

    issuer.before = wait_for_all
    return begun.release


def test_the_keys_are_fetched_once_for_many_tokens() -> None:
    issuer = Issuer()
    guard = issuer.guard()

    for number in range(20):
        guard.check(bearer(issuer.token(jti=f"grant-{number}.1")))

    assert issuer.asked[KEYS] == issuer.asked[METADATA] == 1


def test_a_token_is_verified_once_as_long_as_the_keys_stay_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issuer = Issuer(cache_control="max-age=100")
    guard, token = issuer.guard(), bearer(issuer.token())
    verifies = Mock(side_effect=VerifyingKey.verifies)
    monkeypatch.setattr(VerifyingKey, "verifies", lambda *given: verifies(*given))

    for _ in range(5):
        guard.check(token)
        issuer.clock.advance(100)
    assert (verifies.call_count, issuer.asked[KEYS]) == (1, 5)
    issuer.published = [*issuer.published, SECOND_KEY.as_dict()]
    guard.check(token)

    assert verifies.call_count == 2


def test_nothing_is_asked_before_the_first_request() -> None:
    issuer = Issuer()

    issuer.guard()

    assert not issuer.asked


def test_many_threads_wait_for_one_fetch() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    begin = keys_only_when_all_have_begun(issuer)

    def call(_: int) -> Caller:
        begin()
        return guard.check(token)

    with ThreadPoolExecutor(MANY) as threads:
        callers = list(threads.map(call, range(MANY)))

    assert len(callers) == MANY
    assert issuer.asked[KEYS] == 1


@pytest.mark.anyio
async def test_many_tasks_wait_for_one_fetch_and_the_loop_goes_on() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    begin = keys_only_when_all_have_begun(issuer)
    callers = []

    async def call() -> None:
        begin()
        callers.append(await guard.check_async(token))

    async with anyio.create_task_group() as tasks:
        for _ in range(MANY):
            tasks.start_soon(call)

    assert len(callers) == MANY
    assert issuer.asked[KEYS] == 1


def test_threads_and_the_tasks_of_several_loops_wait_for_one_fetch() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    begin = keys_only_when_all_have_begun(issuer)

    def call(number: int) -> Caller:
        begin()
        return guard.check(token) if number % 2 else anyio.run(guard.check_async, token)

    with ThreadPoolExecutor(MANY) as threads:
        callers = list(threads.map(call, range(MANY)))

    assert len(callers) == MANY
    assert issuer.asked[KEYS] == 1


@pytest.mark.anyio
async def test_a_task_that_stops_waiting_stops_nobody_else() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    stopped = threading.Event()
    issuer.before = lambda _: None if stopped.wait(30) else pytest.fail("nobody stopped")

    with anyio.CancelScope() as scope:
        scope.cancel()
        await guard.check_async(token)
    stopped.set()

    assert scope.cancelled_caught
    assert (await guard.check_async(token)).subject == "alice"
    assert issuer.asked[KEYS] == 1


def test_a_new_key_is_found_by_the_first_token_that_names_it() -> None:
    issuer = Issuer()
    guard = issuer.guard()
    old = bearer(issuer.token())
    guard.check(old)
    rotate(issuer)
    issuer.clock.advance(10)

    assert guard.check(bearer(issuer.token())).subject == "alice"
    assert guard.check(old).subject == "alice"
    assert issuer.asked[KEYS] == 2


def test_a_flood_of_forged_key_names_makes_one_call_in_ten_seconds() -> None:
    issuer = Issuer()
    guard = issuer.guard()
    forged = [bearer(issuer.token({"kid": f"forged-{number}"})) for number in range(50)]
    guard.check(bearer(issuer.token()))
    issuer.clock.advance(10)
    asked_before = issuer.asked[KEYS]

    for seconds in (0, 5, 4.9):
        issuer.clock.advance(seconds)
        for token in forged:
            with pytest.raises(MalformedToken):
                guard.check(token)

    assert issuer.asked[KEYS] == asked_before + 1


def test_a_key_that_cannot_be_looked_up_is_neither_good_nor_bad() -> None:
    issuer = Issuer()
    guard = issuer.guard()
    guard.check(bearer(issuer.token()))
    rotate(issuer)
    issuer.down.add(KEYS)
    issuer.clock.advance(10)

    for _ in range(2):
        with pytest.raises(Unavailable):
            guard.check(bearer(issuer.token()))
    assert issuer.asked[KEYS] == 2
    issuer.down.clear()
    issuer.clock.advance(10)
    assert guard.check(bearer(issuer.token())).subject == "alice"


@pytest.mark.parametrize("down", [METADATA, KEYS, "everything"])
def test_without_any_keys_nothing_is_guessed_and_soon_tried_again(down: str) -> None:
    issuer = Issuer(down={down})
    guard, token = issuer.guard(), bearer(issuer.token())

    for _ in range(5):
        with pytest.raises(Unavailable):
            guard.check(token)
    assert sum(issuer.asked.values()) <= 2
    issuer.down.clear()
    issuer.clock.advance(1)

    assert guard.check(token).subject == "alice"


def test_old_keys_go_on_while_the_server_is_away() -> None:
    issuer = Issuer()
    guard = issuer.guard()
    guard.check(bearer(issuer.token()))
    issuer.down |= {KEYS, METADATA}
    issuer.clock.advance(3000)

    assert guard.check(bearer(issuer.token(jti="grant-2.1"))).subject == "alice"
    assert guard.check(bearer(issuer.token(jti="grant-3.1"))).subject == "alice"


def test_keys_are_fetched_ahead_of_time_and_nobody_waits_for_it() -> None:
    issuer = Issuer(cache_control="max-age=100")
    guard, token = issuer.guard(), bearer(issuer.token())
    guard.check(token)
    issuer.clock.advance(79)
    guard.check(token)
    settled(guard)
    assert issuer.asked[KEYS] == 1
    issuer.clock.advance(2)
    rotate(issuer)

    guard.check(token)
    settled(guard)

    assert issuer.asked[KEYS] == 2
    assert guard.check(bearer(issuer.token())).subject == "alice"
    assert issuer.asked[KEYS] == 2


def test_a_key_that_was_withdrawn_ends_the_tokens_that_it_signed_remembered_or_not() -> None:
    issuer = Issuer(cache_control="max-age=100")
    guard, token = issuer.guard(), bearer(issuer.token())
    guard.check(token)
    issuer.published = [SECOND_KEY.as_dict()]
    issuer.clock.advance(100)

    with pytest.raises(MalformedToken):
        guard.check(token)


@pytest.mark.parametrize(
    ("cache_control", "expected"),
    [
        ("", 300),
        ("public, max-age=600", 600),
        ("Max-Age=600", 600),
        ('max-age="600"', 600),
        ("s-maxage=900, max-age=600", 600),
        ("s-maxage=900", 300),
        ("max-age=0", 60),
        ("max-age=99999999999", 3600),
        ("max-age=86400", 3600),
        ("no-store", 60),
        ("no-cache, max-age=600", 60),
        ("private,no-cache", 60),
        ("max-age=-5", 300),
        ("max-age=soon", 300),
        ("x-no-store, max-age=600", 600),
    ],
)
def test_the_answer_says_how_long_it_may_be_kept_within_bounds(
    cache_control: str, expected: float
) -> None:
    """RFC 9111 §5.2.2."""
    assert seconds_to_keep(cache_control) == expected


GOOD = FIRST_KEY.as_dict()
SMALL_MODULUS = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n
SMALL = {
    "kty": "RSA",
    "kid": "first",
    "e": "AQAB",
    "n": base64.urlsafe_b64encode(SMALL_MODULUS.to_bytes(256)).rstrip(b"=").decode(),
}


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "key",
        [],
        {},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "first"},
        {"kty": "EC", "crv": "P-256", "kid": "first"},
        {**GOOD, "kty": "RSA"},
        {**GOOD, "kty": ["EC"]},
        {**GOOD, "crv": "P-384"},
        {**GOOD, "crv": "secp256k1"},
        {**GOOD, "x": GOOD["y"]},
        {**GOOD, "x": 5},
        {**GOOD, "x": "*"},
        {**GOOD, "use": "enc"},
        {**GOOD, "use": 1},
        {**GOOD, "key_ops": ["sign"]},
        {**GOOD, "key_ops": 1},
        {**GOOD, "alg": "ES384"},
        {**GOOD, "alg": "HS256"},
        {**GOOD, "alg": None},
        {**GOOD, "kid": 1},
        {**GOOD, "kid": "other"},
        SMALL,
        {**SMALL, "n": ""},
    ],
)
def test_a_key_that_cannot_be_used_is_left_out_and_the_others_stay(entry: object) -> None:
    """RFC 7517 §5: ignore JWKs that are not understood; RFC 7518 §3.3: RSA of 2048 bits."""
    keys = KeySet({"keys": [entry, SECOND_KEY.as_dict()]})

    assert all(keys.find("first", name) is None for name in ("ES256", "RS256", "PS256", "HS256"))
    assert keys.find("second", "ES256")


def test_a_secret_half_in_the_set_is_no_reason_to_fail() -> None:
    keys = KeySet({"keys": [FIRST_KEY.as_dict(private=True)]})

    assert keys.find("first", "ES256")


@pytest.mark.parametrize("published", [None, {}, "keys"])
def test_what_is_no_key_set_is_not_believed(published: Any) -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    guard.check(token)
    issuer.published = published
    issuer.clock.advance(300)

    assert guard.check(token).subject == "alice"
    assert issuer.asked[KEYS] == 2


def test_an_empty_set_is_believed() -> None:
    issuer = Issuer()
    guard, token = issuer.guard(), bearer(issuer.token())
    guard.check(token)
    issuer.published = []
    issuer.clock.advance(300)

    with pytest.raises(MalformedToken):
        guard.check(token)
