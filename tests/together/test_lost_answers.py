"""A session that cannot be lost, a theft that cannot hide: the whole server on a turned clock.

Answers are lost on purpose (the server gave them, the client never saw them), and thieves come
at random times. `random` is seeded by pytest-randomly, which prints the seed.
"""

import asyncio
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flextell.oauth.model import Client
from tests import world as small
from tests.figures import Note
from tests.together.client import (
    Caller,
    InProcess,
    Tokens,
    body,
    connected,
    refused_everywhere,
    tokens,
)
from tests.together.server import App
from tests.world import World, running_world

pytestmark = pytest.mark.anyio

MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR

SESSIONS = 100
ROUNDS = 100  # 10,000 refreshes
LOST = 0.1
THEFTS = 250
# Sign-ins are not what is tried here, and the clock runs for months.
LONG: dict[str, Any] = {"session_seconds": 1000 * DAY, "session_idle_seconds": 1000 * DAY}


def app_of(client: Client) -> App:
    """The app that a record of the small world describes."""
    secret = small.SECRET if client.confidential else None
    return App(client.client_id, secret, client.redirect_uris[0], " ".join(client.default_scopes))


PHOTOS = app_of(small.PHOTOS)
PHONE = app_of(small.PHONE)


@dataclass
class Session:
    """What one of the app's persons has, and the answer on its way that was lost, if one was."""

    tokens: Tokens
    lost: Tokens | None = None
    lost_at: int = 0
    late_retries: int = 0
    losses: int = 0


async def test_lost_answers_sign_nobody_out(tmp_path: Path, note: Note) -> None:
    """A client that proves itself asks again with the same token, even an hour later."""
    async with running_world(tmp_path, **LONG) as world, world.browser() as browser:
        photos = Caller(PHOTOS, InProcess(world.app))
        sessions = [Session(await connected(browser, photos)) for _ in range(SESSIONS)]

        for _ in range(ROUNDS):
            await asyncio.gather(*(refresh(world, photos, session) for session in sessions))
            world.clock.advance(random.choice([1, 59, 61, HOUR, HOUR]))

    losses = sum(session.losses for session in sessions)
    late = sum(session.late_retries for session in sessions)
    note(
        f"{SESSIONS * ROUNDS} refreshes, {losses} answers lost, {late} retries an hour or more "
        f"after; {SESSIONS} of {SESSIONS} sessions are still there"
    )
    assert losses > SESSIONS * ROUNDS * LOST / 2
    assert late > 0


async def refresh(world: World, photos: Caller, session: Session) -> None:
    """Refresh once; one answer in ten never arrives. What arrives is used."""
    reply = await photos.refresh(session.tokens.refresh)
    assert reply.status == 200, f"signed out: {reply.body!r}"
    answered = tokens(reply)
    if session.lost is not None:
        assert answered.refresh == session.lost.refresh, "a retry buys what was bought before"
        session.late_retries += world.clock.now - session.lost_at >= HOUR
    if random.random() < LOST:
        session.losses += 1
        session.lost_at = session.lost_at if session.lost else world.clock.now
        session.lost = answered
        return
    session.tokens, session.lost = answered, None
    assert (await photos.call_api(answered.access)).status == 200


@pytest.mark.parametrize("app", [PHOTOS, PHONE], ids=["confidential", "public"])
async def test_a_theft_is_found_out_when_the_second_of_the_two_comes(
    tmp_path: Path, app: App, note: Note
) -> None:
    """RFC 9700 §4.14.2: thief and owner cannot both go on, whichever of them comes first.

    The first presents the stolen token and uses what it bought; the second presents the same
    token after the minute in which that is taken for a retry. The whole grant ends, every time.
    """
    async with running_world(tmp_path, **LONG) as world, world.browser() as browser:
        caller = Caller(app, InProcess(world.app))
        gateway = Caller(app_of(small.GATEWAY), InProcess(world.app))
        for _ in range(THEFTS):
            theft = Theft(world, caller, gateway, [await connected(browser, caller)])
            await theft.happens()

    note(f"{THEFTS} thefts from a {'public' if app is PHONE else 'confidential'} client, all found")


@dataclass
class Theft:
    """One story. `handed_out` is every pair of tokens of the grant, in the order of its making."""

    world: World
    caller: Caller
    gateway: Caller
    handed_out: list[Tokens]

    async def happens(self) -> None:
        """Turns of the owner alone, then of both within the minute, then the end."""
        for _ in range(random.randrange(3)):
            await self.present()
            await self.sometimes_use()
            self.world.clock.advance(random.randrange(1, 2 * HOUR))
        for _ in range(random.randrange(2)):
            await self.both_within_the_minute()

        stolen = self.handed_out[-1].refresh
        bought = await self.present()
        self.world.clock.advance(random.randrange(HOUR - 1))
        await self.use(bought)
        self.world.clock.advance(random.randrange(MINUTE + 1, random.choice([2 * MINUTE, 3 * DAY])))
        second = await self.caller.refresh(stolen)

        assert second.status == 400, body(second)
        assert body(second)["error"] == "invalid_grant"
        assert "All tokens of this grant are revoked" in body(second)["error_description"]
        await refused_everywhere(self.caller, self.handed_out)

    async def present(self) -> Tokens:
        """Somebody presents the newest refresh token, sometimes for less scope than was given."""
        newest = self.handed_out[-1].refresh
        scope = self.caller.app.scope.split()[0]
        narrowed = {"scope": scope} if random.random() < 0.3 else {}
        bought = tokens(await self.caller.refresh(newest, **narrowed))
        self.handed_out.append(bought)
        return bought

    async def both_within_the_minute(self) -> None:
        """Two present the same token at nearly the same time and hold the same successor."""
        presented = self.handed_out[-1].refresh
        one = await self.present()
        self.world.clock.advance(random.randrange(MINUTE + 1))
        other = tokens(await self.caller.refresh(presented))
        assert other.refresh == one.refresh
        self.handed_out.append(other)
        self.world.clock.advance(random.randrange(2 * HOUR))

    async def sometimes_use(self) -> None:
        """An honest client may refresh and then call nothing."""
        if random.random() < 0.7:
            assert (await self.caller.call_api(self.handed_out[-1].access)).status == 200

    async def use(self, bought: Tokens) -> None:
        """Use what was bought, in one of the three ways in which that shows."""
        match random.choice(["api", "introspection", "refresh"]):
            case "api":
                assert (await self.caller.call_api(bought.access)).status == 200
            case "introspection":
                answer = body(await self.gateway.introspect(bought.access))
                assert answer["active"] is True
            case _:
                await self.present()


async def test_a_stranger_who_asks_about_a_token_proves_no_receipt(tmp_path: Path) -> None:
    """RFC 7662 §2.2: whoever may not know is told "inactive", and the session goes on."""
    stranger = replace(small.PHOTOS, client_id="0198c0de-0000-7000-8000-00000000000f")

    async with (
        running_world(tmp_path, prepare=lambda unit: unit.clients.add(stranger), **LONG) as world,
        world.browser() as browser,
    ):
        photos = Caller(PHOTOS, InProcess(world.app))
        first = await connected(browser, photos)
        lost = tokens(await photos.refresh(first.refresh))
        asked = await Caller(app_of(stranger), photos.wire).introspect(lost.access)
        world.clock.advance(HOUR)
        retried = await photos.refresh(first.refresh)

    assert body(asked) == {"active": False}
    assert tokens(retried).refresh == lost.refresh
