"""How a node's signing keys are replaced by their age, on a clock that the test turns."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flextell.app import build_parts, open_master_key
from flextell.metrics import Metrics
from flextell.node.keyring import KNOWN_TO_ALL_SECONDS, LOOK_EVERY_SECONDS, Keyring
from flextell.settings import DAY, LONGEST_TOKEN_SECONDS, MINUTE
from tests.world import World, build_world

pytestmark = pytest.mark.anyio

EVERY = "FLEXTELL_SIGNING_KEY_ROTATION_SECONDS"
WEEK = 7 * DAY
# Twice what others may keep our key set for by default.
WAIT = 10 * MINUTE


@contextmanager
def a_node(folder: Path) -> Iterator[World]:
    """A node whose background tasks do not run: the test says when it looks at its keys."""
    world = build_world(folder)
    try:
        yield world
    finally:
        world.parts.hashing.close()
        world.parts.store.close()


async def published(keyring: Keyring) -> set[str]:
    """The access token keys that others are told of, after a look at the store."""
    await keyring.catch_up()
    return {key["kid"] for key in keyring.key_set() if key["alg"] == "ES256"}


def signing(keyring: Keyring) -> str:
    """The key that signs access tokens."""
    return keyring.signing("access_token").kid


async def test_a_key_is_replaced_when_it_is_as_old_as_the_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one is published before it signs; the old one until its last token has ended."""
    monkeypatch.setenv(EVERY, str(WEEK))
    with a_node(tmp_path) as world:
        keyring, clock = world.parts.keyring, world.clock
        [old] = await published(keyring)

        clock.advance(WEEK - 1)
        assert await published(keyring) == {old}

        clock.advance(1)
        [new] = await published(keyring) - {old}
        assert signing(keyring) == old

        clock.advance(WAIT - 1)
        assert signing(keyring) == old
        clock.advance(1)
        assert await published(keyring) == {old, new}
        assert signing(keyring) == new

        clock.advance(LONGEST_TOKEN_SECONDS - 1)
        assert await published(keyring) == {old, new}
        clock.advance(1)
        assert await published(keyring) == {new}

        clock.advance(WEEK - LONGEST_TOKEN_SECONDS)
        assert len(await published(keyring)) == 2, "a week after the new key began to sign"


async def test_a_new_key_waits_for_every_node_even_if_nobody_keeps_the_key_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that has not looked yet would refuse what another one signed."""
    monkeypatch.setenv(EVERY, str(WEEK))
    monkeypatch.setenv("FLEXTELL_JWKS_CACHE_SECONDS", "0")
    with a_node(tmp_path) as world:
        keyring, clock = world.parts.keyring, world.clock
        [old] = await published(keyring)
        clock.advance(WEEK)
        [new] = await published(keyring) - {old}

        clock.advance(KNOWN_TO_ALL_SECONDS - 1)
        assert signing(keyring) == old
        clock.advance(1)
        assert signing(keyring) == new

    assert KNOWN_TO_ALL_SECONDS > LOOK_EVERY_SECONDS + 1, "seconds are whole ones"


async def test_both_kinds_of_key_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVERY, str(WEEK))
    with a_node(tmp_path) as world:
        keyring = world.parts.keyring
        await keyring.catch_up()
        before = {keyring.signing("access_token").kid, keyring.signing("id_token").kid}

        world.clock.advance(WEEK)
        await keyring.catch_up()
        world.clock.advance(WAIT)
        after = {keyring.signing("access_token").kid, keyring.signing("id_token").kid}

    assert len(before) == len(after) == 2
    assert before.isdisjoint(after)


async def test_with_zero_a_key_is_never_replaced_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVERY, "0")
    with a_node(tmp_path) as world:
        keyring = world.parts.keyring
        [only] = await published(keyring)

        world.clock.advance(10 * 365 * DAY)

        assert await published(keyring) == {only}
        assert signing(keyring) == only


@pytest.mark.parametrize(("seconds", "made"), [(0, 0), (WEEK, 0), (DAY, 1)])
async def test_another_setting_holds_from_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, made: int
) -> None:
    """A key made under one setting, three days ago, is judged by the one of now."""
    monkeypatch.setenv(EVERY, str(WEEK))
    with a_node(tmp_path) as world:
        before = await published(world.parts.keyring)
        world.clock.advance(3 * DAY)

        restarted = again(world, signing_key_rotation_seconds=seconds)

        assert len(await published(restarted) - before) == made


def again(world: World, **changed: Any) -> Keyring:
    """The keyring of a node that starts on the same data with other settings."""
    parts = world.parts
    settings = parts.settings.model_copy(update=changed)
    master_key = open_master_key(settings, parts.sources, parts.store)
    return build_parts(settings, parts.sources, parts.store, master_key, Metrics()).keyring


async def test_a_node_that_has_not_read_the_keys_for_a_whole_rotation_is_not_ready(
    tmp_path: Path,
) -> None:
    """As after a night cut off from the database: others may sign with a key it does not know."""
    with a_node(tmp_path) as world:
        keyring, clock = world.parts.keyring, world.clock
        assert keyring.checks() == {"keys": False}

        await keyring.catch_up()
        clock.advance(WAIT - 1)
        assert keyring.checks() == {"keys": True}

        clock.advance(1)
        assert keyring.checks() == {"keys": False}
        await keyring.catch_up()
        assert keyring.checks() == {"keys": True}
