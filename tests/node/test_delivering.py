"""A node delivers: signed, at least once, whatever becomes of it or of the tenant's own server."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from flextell import app, log
from flextell.metrics import DELIVERIES, Metrics
from flextell.node import delivering
from flextell.node.delivering import AT_ONCE_OF_A_TENANT
from flextell.store.port import Unit
from flextell.store.unit import SqlUnit
from flextell.tenants.channels import Channel, ChannelWish
from flextell.tenants.deliveries import RETRY_AFTER_SECONDS, body_of
from flextell.tenants.model import TenantDetails
from flextell.tenants.webhooks import ID, Secret, verify
from tests.endpoint import HANGS, Endpoint, Received, answer, endpoint
from tests.world import NOON, World, build_world

pytestmark = pytest.mark.anyio

BODY = body_of("message.sent", {"message": "Monday is free."}, NOON)
SLOWEST = 1.25 * RETRY_AFTER_SECONDS[-1]


class Clinic:
    """A tenant with a channel on a node whose rounds a test turns by hand."""

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        self.parts = world.parts
        self.place, self.secret = self.parts.store.at_once(lambda unit: self._open(unit, url))

    def _open(self, unit: Unit, url: str) -> tuple[tuple[int, int], Secret]:
        tenant_id = unit.tenants.add(TenantDetails("Clinic"), NOON)
        wish = ChannelWish("website", "Web chat", "clinic.example", url)
        channel_id = unit.channels.add(tenant_id, wish, NOON)
        secret = self.parts.channel_secrets.renew(unit, tenant_id, channel_id, None, NOON)
        return (tenant_id, channel_id), secret

    def write(self, number: int = 1) -> None:
        """Somebody of the clinic writes to customers."""
        now = self.world.clock.now

        def work(unit: Unit) -> None:
            for _ in range(number):
                assert unit.deliveries.add(*self.place, "message.sent", BODY, now)

        self.parts.store.at_once(work)

    async def deliver(self) -> None:
        """One round, to its end."""
        await self.parts.delivering.take_on()
        await self.parts.delivering.stop()

    @property
    def channel(self) -> Channel:
        """The channel as it is kept."""
        channel = self.parts.store.at_once(lambda unit: unit.channels.get(*self.place))
        assert channel is not None
        return channel

    def counted(self) -> dict[str, int]:
        """How many tries came to what."""
        ends = ("done", "again", "failed", "gone")
        numbers = {end: self.parts.metrics.counter(DELIVERIES, end).value for end in ends}
        return {end: number for end, number in numbers.items() if number}

    def check(self, received: Received) -> None:
        """It is signed with the clinic's secret, now."""
        verify(received.headers, received.body, [self.secret], self.world.clock.now)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A node that may deliver to this machine, and does not wait for long."""
    return build_world(tmp_path, development_webhooks_to_loopback=True, webhook_seconds=1)


@pytest.fixture
async def there() -> AsyncIterator[Endpoint]:
    """The clinic's own server."""
    async with endpoint() as made:
        yield made


@pytest.fixture
async def clinic(world: World, there: Endpoint) -> AsyncIterator[Clinic]:
    """A clinic whose webhook goes to its server."""
    yield Clinic(world, there.url)
    world.parts.store.close()


async def test_what_was_written_arrives_signed(clinic: Clinic, there: Endpoint) -> None:
    clinic.write()
    await clinic.deliver()
    await clinic.deliver()

    [received] = there.received
    clinic.check(received)
    assert received.body == BODY.encode()
    assert received.headers["content-type"] == "application/json"
    assert clinic.counted() == {"done": 1}


async def test_a_running_node_delivers_by_itself(clinic: Clinic, there: Endpoint) -> None:
    async with app.running(clinic.parts):
        clinic.write()
        [received] = await there.got(1)

    clinic.check(received)


async def test_what_is_done_for_a_tenant_is_done_behind_its_wall(
    clinic: Clinic, there: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To take a delivery on, and to note what became of it."""
    said: list[tuple[int, ...]] = []
    monkeypatch.setattr(SqlUnit, "within", lambda _unit, *tenant_ids: said.append(tenant_ids))
    clinic.write()

    await clinic.deliver()

    assert said == [clinic.place[:1]] * 2


async def test_an_error_is_tried_again_later_with_the_same_id_and_a_new_time(
    clinic: Clinic, there: Endpoint
) -> None:
    there.answers += [answer(500), answer(503)]
    clinic.write()
    for wait in (0, 4, 4, 29, 29):
        clinic.world.clock.advance(wait)
        await clinic.deliver()

    assert len(there.received) == 3
    assert len({received.headers[ID] for received in there.received}) == 1
    assert clinic.counted() == {"again": 2, "done": 1}
    clinic.check(there.received[2])


async def test_what_fails_seven_times_has_failed(clinic: Clinic, there: Endpoint) -> None:
    there.answers += [answer(500)] * 20
    clinic.write()
    with structlog.testing.capture_logs() as logged:
        for _ in range(10):
            await clinic.deliver()
            clinic.world.clock.advance(int(SLOWEST))

    assert len(there.received) == 7
    assert clinic.counted() == {"again": 6, "failed": 1}
    [line] = [one for one in logged if one["event"] == log.DELIVERY_FAILED]
    assert (line["tenant_id"], line["channel_id"], line["status"]) == (*clinic.place, 500)
    assert "Monday" not in str(logged)
    assert clinic.secret.text not in str(logged)
    assert there.url not in str(logged)


async def test_gone_switches_the_webhook_off(clinic: Clinic, there: Endpoint) -> None:
    there.answers.append(answer(410))
    clinic.write()
    await clinic.deliver()
    added = clinic.parts.store.at_once(
        lambda unit: unit.deliveries.add(*clinic.place, "message.sent", BODY, NOON)
    )

    assert clinic.channel.webhook_off_at == NOON
    assert added is None
    assert clinic.counted() == {"gone": 1}


async def test_what_waited_for_a_webhook_that_is_off_fails_unsent(
    clinic: Clinic, there: Endpoint
) -> None:
    clinic.write(2)
    url = clinic.channel.webhook_url or ""
    clinic.parts.store.at_once(
        lambda unit: unit.channels.switch_webhook_off(*clinic.place, url, NOON)
    )
    await clinic.deliver()

    assert there.received == []
    assert clinic.counted() == {"failed": 2}


async def test_a_redirect_to_the_metadata_of_the_cloud_is_not_followed(
    clinic: Clinic, there: Endpoint
) -> None:
    there.answers.append(answer(307, "Location: http://169.254.169.254/latest/meta-data/"))
    clinic.write()
    await clinic.deliver()

    assert clinic.counted() == {"again": 1}


async def test_a_url_that_leads_inside_is_never_called(tmp_path: Path, there: Endpoint) -> None:
    """As it is in production: no exception for the loopback address."""
    world = build_world(tmp_path)
    clinic = Clinic(world, f"https://localhost:{there.port}/hook")
    clinic.write()
    await clinic.deliver()
    world.parts.store.close()

    assert there.connections == 0
    assert clinic.counted() == {"again": 1}


async def test_a_tenant_that_hangs_does_not_keep_others_waiting(
    clinic: Clinic, there: Endpoint
) -> None:
    async with endpoint() as quick:
        other = Clinic(clinic.world, quick.url)
        there.answers += [HANGS] * 100
        clinic.write(100)
        await clinic.parts.delivering.take_on()
        await there.got(AT_ONCE_OF_A_TENANT)
        clinic.world.clock.advance(1)
        other.write(3)
        await clinic.parts.delivering.take_on()
        await quick.got(3)
        await clinic.parts.delivering.stop()

    assert len(there.received) == AT_ONCE_OF_A_TENANT
    assert clinic.counted() == {"done": 3, "again": AT_ONCE_OF_A_TENANT}


async def test_a_node_delivers_so_many_at_once_and_no_more(
    clinic: Clinic, there: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "AT_ONCE", 6)
    there.answers += [HANGS] * 100
    clinics = [clinic, *(Clinic(clinic.world, there.url) for _ in range(3))]
    for each in clinics:
        each.write(5)
    await clinic.parts.delivering.take_on()
    await there.got(6)
    await clinic.parts.delivering.take_on()
    await clinic.parts.delivering.stop()

    assert len(there.received) == 6


async def test_while_a_secret_is_replaced_either_one_checks(
    clinic: Clinic, there: Endpoint
) -> None:
    old, channel = clinic.secret, clinic.channel
    clinic.secret = clinic.parts.store.at_once(
        lambda unit: clinic.parts.channel_secrets.renew(unit, *clinic.place, channel.secret, NOON)
    )
    clinic.write()
    await clinic.deliver()

    [received] = there.received
    clinic.check(received)
    verify(received.headers, received.body, [old], NOON)


async def test_a_secret_sealed_under_another_master_key_is_reported_and_tried_again(
    clinic: Clinic, there: Endpoint
) -> None:
    settings, sources, store = clinic.parts.settings, clinic.parts.sources, clinic.parts.store
    other = app.build_parts(settings, sources, store, b"k" * 32, Metrics())
    clinic.write()
    with structlog.testing.capture_logs() as logged:
        await other.delivering.take_on()
        await other.delivering.stop()

    assert [line["event"] for line in logged] == [log.SECRET_SEALED_ELSEWHERE]
    assert there.received == []
    assert other.metrics.counter(DELIVERIES, "again").value == 1


async def test_a_bug_in_one_delivery_is_no_end_of_the_others(
    clinic: Clinic, there: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    monkeypatch.setattr("flextell.tenants.deliveries.outcome", broken)
    clinic.write(2)
    with structlog.testing.capture_logs() as logged:
        await clinic.deliver()

    assert [line["event"] for line in logged] == ["bug"]
    assert clinic.counted() == {"done": 1}


async def test_what_is_on_its_way_when_the_node_stops_arrives_or_is_due_again(
    clinic: Clinic, there: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LAST_POSTS_SECONDS", 0.05)
    there.answers.append(HANGS)
    clinic.write(2)
    await clinic.parts.delivering.take_on()
    await there.got(2)
    await clinic.parts.delivering.stop()
    clinic.world.clock.advance(60)
    await clinic.deliver()

    ids = [received.headers[ID] for received in there.received]
    assert len(ids) == 3
    assert len(set(ids)) == 2
    assert clinic.counted() == {"done": 2}


async def test_after_kill_9_between_post_and_note_it_comes_again_with_the_same_id(
    clinic: Clinic, there: Endpoint, tmp_path: Path
) -> None:
    """The tenant's server has it, the node dies before it hears so: at least once, same id."""
    there.answers.append(HANGS)
    clinic.write()
    node = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.node.delivering_process", str(tmp_path), str(NOON)
    )
    await there.got(1)
    node.send_signal(signal.SIGKILL)
    assert await node.wait() == -signal.SIGKILL
    await clinic.deliver()
    before_the_lease_ended = len(there.received)
    clinic.world.clock.advance(60)
    await clinic.deliver()

    first, second = there.received
    assert before_the_lease_ended == 1
    assert first.headers[ID] == second.headers[ID]
    assert first.body == second.body
    assert clinic.counted() == {"done": 1}
