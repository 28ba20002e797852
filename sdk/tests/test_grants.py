"""The grants of one app: opened by name, begun with a code, closed and used on."""

import threading
from dataclasses import replace

import pytest
from anyio import CancelScope, create_task_group, fail_after, lowlevel

from flextell_sdk import grants as grants_module
from flextell_sdk.client import AsyncClient, Client
from flextell_sdk.errors import (
    ServerMisconfigured,
    SignInMismatch,
    StoreError,
    TokenRequestRefused,
    Unreachable,
)
from flextell_sdk.sign_in import finish_sign_in
from sdk.tests.answers import a_jwt
from sdk.tests.fake_server import TOKEN
from sdk.tests.faults import cut_short, is_lost, meanwhile, never_arrives, says, with_members
from sdk.tests.watched_store import disk_full
from sdk.tests.world import FRESH, PUBLIC_APP, World

OPENID = "openid account:read"


# By name.


def test_a_name_is_one_grant_as_long_as_anyone_has_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would be refreshed by two at a time within one program."""
    monkeypatch.setattr(grants_module, "KEPT_AT_HAND", 2)
    alice = world.photos.open("alice")
    for number in range(10):
        world.photos.open(f"somebody {number}")

    assert world.photos.open("alice") is alice


@pytest.mark.parametrize("name", ["", "alice@example.com", "\n", "../x", "é" * 500, "\x00"])
def test_a_name_may_be_any_text(world: World, name: str) -> None:
    world.photos.exchange_code(world.come_back(), name)

    assert world.program().open(name).is_signed_in()
    assert not world.program().open(f"{name}x").is_signed_in()


def test_apps_and_servers_share_a_store_and_no_grants(world: World) -> None:
    world.alice()
    others = [
        replace(world.app, client_id="other"),
        replace(world.app, issuer="https://other.example"),
    ]

    assert not [app for app in others if world.program(app=app).open("alice").is_signed_in()]


# Begun with a code.


def test_a_code_buys_tokens_that_are_kept_under_the_name(world: World) -> None:
    alice = world.photos.exchange_code(world.come_back(), "alice")

    assert alice is world.photos.open("alice")
    assert alice.tokens() == world.kept()
    assert alice.tokens().scopes == ("account:read", "customers:read")


def test_an_app_without_a_secret_signs_in_too(world: World) -> None:
    world.server.secret = None
    photos = world.program(app=PUBLIC_APP)

    assert Client(world.alice(grants=photos)).about().name == "Fake API"


def test_without_a_name_it_is_the_persons_own_at_the_server(world: World) -> None:
    """OpenID Connect Core §2: `sub` is never reassigned."""
    assert world.photos.exchange_code(world.come_back(OPENID)).name == "alice"


def test_where_the_server_does_not_say_who_it_is_a_name_must_be_given(world: World) -> None:
    """One name for all would mix people up. The code is not spent for that."""
    code = world.come_back()
    with pytest.raises(TypeError, match="openid"):
        world.photos.exchange_code(code)

    assert world.photos.exchange_code(code, "alice").is_signed_in()


def test_nobody_takes_the_place_of_another_who_is_signed_in(world: World) -> None:
    """A browser that two people share, say, or a link that somebody was sent."""
    alice = world.photos.exchange_code(world.come_back(OPENID), "the person here")
    of_alice = alice.tokens()
    bob = replace(of_alice, id_token=a_jwt({"sub": "bob"}))
    with pytest.raises(SignInMismatch, match="Somebody else"):
        alice.begin(bob)
    assert alice.tokens() == of_alice

    alice.sign_out()
    alice.begin(bob)
    assert alice.is_signed_in()


ID_TOKENS = {
    "none": (None, ServerMisconfigured),
    "no JWT": ("x", SignInMismatch),
    "another sign-in's": (a_jwt({"iss": "https://evil.example"}), SignInMismatch),
}


@pytest.mark.parametrize(("id_token", "problem"), ID_TOKENS.values(), ids=ID_TOKENS)
@pytest.mark.parametrize("name", ["alice", None])
def test_tokens_of_somebody_else_are_not_kept(
    world: World, id_token: str | None, problem: type[Exception], name: str | None
) -> None:
    """OpenID Connect Core §3.1.3.5: responses that fail validation are discarded."""
    code = world.come_back(OPENID)
    world.server.instead(TOKEN, with_members(id_token=id_token))
    with pytest.raises(problem):
        world.photos.exchange_code(code, name)

    assert world.store.kept == []


def test_an_id_token_without_a_subject_names_nobody(world: World) -> None:
    code = world.come_back(OPENID)
    kept = code.remembered
    claims = {"iss": kept.issuer, "aud": kept.client_id, "nonce": kept.nonce, "exp": 2**40}
    world.server.instead(TOKEN, with_members(id_token=a_jwt(claims)))
    with pytest.raises(SignInMismatch):
        world.photos.exchange_code(code)

    assert world.store.kept == []


@pytest.mark.parametrize("changed", [{"client_id": "other"}, {"issuer": "https://other.example"}])
def test_a_code_for_another_app_or_server_is_not_sent(
    world: World, changed: dict[str, str]
) -> None:
    """RFC 9700 §4.4: a mixed-up code would go to an attacker's token endpoint."""
    code = world.come_back()
    other = world.program(app=replace(world.app, **changed))  # type: ignore[arg-type]
    with pytest.raises(SignInMismatch, match="another app or server"):
        other.exchange_code(code)

    assert world.server.times(TOKEN) == 0


@pytest.mark.parametrize("fault", [is_lost(), cut_short, says(503), says(429, retry_after="1")])
def test_a_code_that_may_have_arrived_is_not_sent_again(world: World, fault: object) -> None:
    """RFC 6749 §4.1.2: a code used twice SHOULD end all tokens that it bought."""
    code = world.come_back()
    world.server.instead(TOKEN, fault)  # type: ignore[arg-type]
    with pytest.raises(Unreachable):
        world.photos.exchange_code(code, "alice")

    assert world.server.times(TOKEN) == 1


def test_a_code_that_surely_did_not_arrive_is_sent_again(world: World) -> None:
    code = world.come_back()
    world.server.instead(TOKEN, never_arrives(), never_arrives())

    assert world.photos.exchange_code(code, "alice").is_signed_in()


def test_a_code_that_was_used_is_refused_and_harms_nobody(world: World) -> None:
    code = world.come_back()
    alice = world.photos.exchange_code(code, "alice")
    with pytest.raises(TokenRequestRefused, match="invalid_grant"):
        world.photos.exchange_code(code, "alice")

    assert alice.is_signed_in()


def test_tokens_that_cannot_be_kept_are_no_sign_in(world: World) -> None:
    code = world.come_back()
    world.store.before_replace.append(disk_full)
    with pytest.raises(StoreError, match="disk is full"):
        world.photos.exchange_code(code, "alice")

    assert not world.photos.open("alice").is_signed_in()


@pytest.mark.anyio
async def test_tasks_sign_in_as_threads_do(world: World) -> None:
    begun = await world.photos.start_sign_in_async(scope=OPENID, prompt="login", login_hint="a")
    code = finish_sign_in(world.server.allow(begun.url), begun.remembered)
    alice = await world.photos.exchange_code_async(code)

    assert "prompt=login" in begun.url
    assert alice.name == "alice"
    assert (await AsyncClient(alice).about()).name == "Fake API"


@pytest.mark.anyio
async def test_a_task_that_is_cancelled_still_keeps_what_it_bought(world: World) -> None:
    code = world.come_back()
    is_cancelled = threading.Event()
    world.server.instead(TOKEN, meanwhile(lambda: is_cancelled.wait(30)))
    scope = CancelScope()

    async def sign_in() -> None:
        with scope:
            await world.photos.exchange_code_async(code, "alice")

    async with create_task_group() as tasks:
        tasks.start_soon(sign_in)
        with fail_after(30):
            while not world.server.at(TOKEN):
                await lowlevel.checkpoint()
        scope.cancel()
    is_cancelled.set()
    world.settle()

    assert scope.cancelled_caught
    assert world.photos.open("alice").is_signed_in()


# Closed.


def test_a_close_waits_for_what_goes_on_and_whoever_goes_on_may(world: World) -> None:
    alice = world.alice()
    with world.photos as photos:
        assert photos.open("alice") is alice
        world.clock.move(FRESH)
        world.server.revoke_access()
        Client(alice).about()

    assert Client(alice).about().name == "Fake API"


@pytest.mark.anyio
async def test_tasks_may_go_on_as_well(world: World) -> None:
    alice = world.alice()
    async with world.photos:
        await AsyncClient(alice).about()
        before = world.photos.wire.http_of_tasks()

    assert before.is_closed
    assert (await AsyncClient(alice).about()).name == "Fake API"


@pytest.mark.anyio
async def test_what_fails_in_a_thread_fails_for_the_task(world: World) -> None:
    def fail() -> None:
        raise LookupError("Alice's own problem")

    with pytest.raises(LookupError, match="Alice's own"):
        await world.photos.in_thread(fail)
