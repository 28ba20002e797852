"""The secrets of channels: sealed for one channel, under one master key."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flextell.node.channel_secrets import ChannelSecrets
from flextell.oauth.sealing import WrongKey
from flextell.store.port import Unit
from flextell.tenants.channels import Channel, ChannelWish
from flextell.tenants.model import TenantDetails
from flextell.tenants.webhooks import Secret
from tests.world import NOON, World, build_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A node that is not running."""
    made = build_world(tmp_path)
    yield made
    made.parts.store.close()


def a_channel(world: World) -> tuple[Channel, Secret]:
    """A channel as it is kept, and its secret."""

    def work(unit: Unit) -> tuple[Channel, Secret]:
        tenant_id = unit.tenants.add(TenantDetails("Clinic"), NOON)
        channel_id = unit.channels.add(tenant_id, ChannelWish("website", "Web", "a"), NOON)
        secret = world.parts.channel_secrets.renew(unit, tenant_id, channel_id, None, NOON)
        channel = unit.channels.get(tenant_id, channel_id)
        assert channel is not None
        return channel, secret

    return world.parts.store.at_once(work)


def test_a_secret_opens_for_its_channel_and_stands_nowhere_in_the_clear(world: World) -> None:
    channel, secret = a_channel(world)

    assert world.parts.channel_secrets.of(channel, NOON) == (secret,)
    assert channel.secret is not None
    assert secret.key not in channel.secret.current
    assert "secret" not in repr(channel)


def test_a_secret_that_was_moved_to_another_channel_does_not_open(world: World) -> None:
    """Whoever can write to the database cannot make one channel speak for another."""
    channel, _ = a_channel(world)
    with pytest.raises(WrongKey):
        world.parts.channel_secrets.of(replace(channel, channel_id=channel.channel_id + 1), NOON)


def test_a_secret_does_not_open_under_another_master_key(world: World) -> None:
    channel, _ = a_channel(world)
    with pytest.raises(WrongKey):
        ChannelSecrets(b"k" * 32, world.parts.sources).of(channel, NOON)
