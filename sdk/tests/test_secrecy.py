"""Through a whole life, with everything logged: no token, code, verifier or secret is told."""

import logging
from collections.abc import Callable, Iterator

import pytest

from flextell_sdk.auth import GrantAuth
from flextell_sdk.client import AsyncClient, Client
from flextell_sdk.errors import FlextellError
from flextell_sdk.grant import Grant
from flextell_sdk.sign_in import SignIn, finish_sign_in
from sdk.tests.fake_server import ABOUT, REVOKE, TOKEN
from sdk.tests.faults import Fault, cut_short, is_lost, never_arrives, says
from sdk.tests.watched_store import disk_full
from sdk.tests.world import DEAD, STALE, World

pytestmark = pytest.mark.anyio


def told_by(problem: BaseException | None) -> Iterator[str]:
    """Everything that an error says, and all that it came of."""
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        yield f"{problem} {problem!r} {vars(problem)}"
        problem = problem.__cause__ or problem.__context__


def told_by_log(records: list[logging.LogRecord]) -> Iterator[str]:
    for record in records:
        yield f"{record.getMessage()} {record.args!r}"
        if record.exc_info:
            yield from told_by(record.exc_info[1])


def told_by_failure(what: Callable[[], object]) -> list[str]:
    with pytest.raises(FlextellError) as problem:
        what()
    return [*told_by(problem.value)]


def sign_in(world: World) -> tuple[Grant, list[str], set[str]]:
    """Alice, what was shown on the way, and what must not have been."""
    begun: SignIn = world.photos.start_sign_in(scope="openid account:read")
    kept = begun.remembered
    code = finish_sign_in(world.server.allow(begun.url), kept)
    alice = world.photos.exchange_code(code)
    tokens = alice.tokens()
    things = (world.app, begun, kept, code, alice, tokens, world.photos, alice.at_hand())
    secrets = {kept.state, kept.verifier, kept.nonce, code.code, tokens.id_token or "none"}
    return alice, [repr(thing) for thing in things], secrets


def live(world: World, client: Client) -> list[str]:
    """Refreshes that succeed in spite of everything, and then all that can fail."""
    for passes, fault in ((STALE, says(503)), (DEAD, is_lost()), (DEAD, cut_short)):
        world.clock.move(passes)
        world.server.instead(TOKEN, fault)
        client.about()
        world.settle()
    world.server.revoke_access()
    client.about()
    world.clock.move(DEAD)
    world.store.before_replace.append(disk_full)
    shown = told_by_failure(client.about)
    client.about()
    return [*shown, *fail(world, ABOUT, client.about, says(500), never_arrives(), says(401))]


def fail(world: World, path: str, what: Callable[[], object], *faults: Fault) -> list[str]:
    """What is told when the server does each of these and nothing else."""
    shown = []
    for fault in faults:
        world.server.always = {path: fault}
        shown += told_by_failure(what)
    world.server.always = {}
    return shown


async def test_nothing_secret_is_told_in_a_whole_life(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    alice, shown, secrets = sign_in(world)
    client = Client(alice)
    await AsyncClient(alice).about()
    shown += [repr(client), repr(GrantAuth(alice)), *live(world, client)]
    shown += fail(world, REVOKE, alice.sign_out, never_arrives(), says(400, {"error": "x"}))
    world.clock.move(DEAD)
    broken = (says(200, b"<html>"), never_arrives(), says(401, {"error": "invalid_client"}))
    shown += fail(world, TOKEN, client.about, *broken, says(400, {"error": "invalid_grant"}))
    shown += told_by_failure(client.about)
    told = "\n".join([*shown, *told_by_log(caplog.records)])
    secrets |= world.server.secrets()

    assert {record.name for record in caplog.records} >= {"flextell_sdk", "httpx2"}
    assert len(secrets) > 15
    assert [secret for secret in secrets if secret in told] == []
