"""Channels are kept the same on both databases, and stay behind their wall."""

import pytest

from flextell.store.port import Store, Unit
from flextell.tenants.channels import (
    CHANNEL_TYPES,
    Channel,
    ChannelQuery,
    ChannelWish,
    SealedSecret,
)
from flextell.tenants.model import OutsideTenant, TenantDetails
from flextell.tenants.paging import Window
from tests.store.samples import NOON

URL = "https://clinic.example/hook"
WEB = ChannelWish("website", "Web chat", "clinic.example", URL)


def a_clinic(unit: Unit) -> int:
    return unit.tenants.add(TenantDetails("Clinic"), NOON)


def off_at(unit: Unit, channel_id: int) -> int | None:
    channel = unit.channels.by_id(channel_id)
    assert channel is not None
    return channel.webhook_off_at


def test_a_channel_comes_back_as_it_was_made(common_store: Store) -> None:
    def work(unit: Unit) -> tuple[Channel | None, Channel | None, Channel]:
        tenant_id = a_clinic(unit)
        channel_id = unit.channels.add(tenant_id, WEB, NOON)
        made = Channel(
            *(channel_id, tenant_id, "website", "Web chat", "clinic.example", URL, None, True),
            *(NOON, NOON),
        )
        return unit.channels.get(tenant_id, channel_id), unit.channels.by_id(channel_id), made

    got, found, made = common_store.at_once(work)
    assert got == found == made


def test_a_channel_is_nobody_elses(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        ours, theirs = a_clinic(unit), a_clinic(unit)
        channel_id = unit.channels.add(ours, WEB, NOON)
        unit.channels.set_webhook(theirs, channel_id, None, NOON + 1)
        unit.channels.put_secret(theirs, channel_id, SealedSecret(b"x"), NOON + 1)
        unit.channels.switch_webhook_off(theirs, channel_id, URL, NOON + 1)
        kept = unit.channels.get(ours, channel_id)

        assert unit.channels.get(theirs, channel_id) is None
        assert unit.channels.find(theirs, ChannelQuery()).rows == ()
        assert kept is not None
        assert (kept.webhook_url, kept.secret, kept.updated_at) == (URL, None, NOON)

    common_store.at_once(work)


def test_nobody_opens_a_channel_without_a_tenant(common_store: Store) -> None:
    with pytest.raises(OutsideTenant):
        common_store.at_once(lambda unit: unit.channels.add(4711, WEB, NOON))


def test_secrets_are_kept_as_they_were_sealed(common_store: Store) -> None:
    def work(unit: Unit) -> tuple[SealedSecret | None, bool]:
        tenant_id = a_clinic(unit)
        channel_id = unit.channels.add(tenant_id, WEB, NOON)
        sealed = SealedSecret(b"\x00new", b"\xffold", NOON + 5)
        unit.channels.put_secret(tenant_id, channel_id, sealed, NOON + 1)
        channel = unit.channels.get(tenant_id, channel_id)
        assert channel is not None
        return channel.secret, unit.channels.any_secret()

    assert common_store.at_once(work) == (SealedSecret(b"\x00new", b"\xffold", NOON + 5), True)


def test_a_webhook_is_switched_off_only_if_it_is_still_the_same(common_store: Store) -> None:
    def work(unit: Unit) -> list[int | None]:
        tenant_id = a_clinic(unit)
        channel_id = unit.channels.add(tenant_id, WEB, NOON)
        seen = []
        for at, url in enumerate(("https://x.example", URL, URL), 1):
            unit.channels.switch_webhook_off(tenant_id, channel_id, url, NOON + at)
            seen.append(off_at(unit, channel_id))
        unit.channels.set_webhook(tenant_id, channel_id, URL, NOON + 4)
        seen.append(off_at(unit, channel_id))
        return seen

    assert common_store.at_once(work) == [None, NOON + 2, NOON + 2, None]


def test_the_list_goes_from_the_oldest_on_and_can_be_narrowed(common_store: Store) -> None:
    def work(unit: Unit) -> None:
        tenant_id = a_clinic(unit)
        for kind in CHANNEL_TYPES:
            unit.channels.add(tenant_id, ChannelWish(kind, kind, "a"), NOON)
        everything = unit.channels.find(tenant_id, ChannelQuery())
        first = unit.channels.find(tenant_id, ChannelQuery(window=Window(3, None)))
        rest = unit.channels.find(tenant_id, ChannelQuery(window=Window(3, None, first.next)))
        telegram = unit.channels.find(tenant_id, ChannelQuery("telegram"))

        assert tuple(channel.type for channel in everything.rows) == CHANNEL_TYPES
        assert first.rows + rest.rows == everything.rows
        assert [channel.name for channel in telegram.rows] == ["telegram"]
        assert (everything.total, telegram.total) == (4, 1)

    common_store.at_once(work)
