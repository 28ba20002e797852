"""Deliver what is due to webhooks: at least once, and so that a slow tenant keeps nobody waiting.

A node takes a delivery on for a while (a lease), posts it and notes what became of it. If it dies
in between, the lease ends and another node posts it again, with the same id. No tenant has more
than a few of a node's places; who has waited longest is served first.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from flextell import log
from flextell.metrics import DELIVERIES, DELIVERIES_UNDER_WAY, Metrics
from flextell.node.channel_secrets import ChannelSecrets
from flextell.oauth.sealing import WrongKey
from flextell.outbound import Outbound, OutboundFailure
from flextell.settings import Settings
from flextell.sources import Sources
from flextell.store.port import Store, StoreUnavailable, Unit
from flextell.tenants import deliveries
from flextell.tenants.channels import Channel
from flextell.tenants.deliveries import Delivery, End, Outcome
from flextell.tenants.webhooks import signed_headers

AT_ONCE = 64
AT_ONCE_OF_A_TENANT = 4
# A round follows at once on a delivery that ended, and else after so long.
LOOK_EVERY_SECONDS = 0.5
PAUSE_SECONDS = 0.02
# What a lease is longer than a post may take: to wait for the database before and after it.
LEASE_MARGIN_SECONDS = 30
LAST_POSTS_SECONDS = 2.0
CHANCES = 256
HEADERS = {"content-type": "application/json", "user-agent": "Flextell"}


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that this node has taken on, and the channel as it is now."""

    delivery: Delivery
    channel: Channel

    @property
    def url(self) -> str | None:
        """Where it goes; None if nothing is delivered there any more, or could not be signed."""
        channel = self.channel
        off = not channel.is_active or channel.webhook_off_at is not None
        return None if off or channel.secret is None else channel.webhook_url


class Delivering:
    """What this node is delivering. Built once; `round` is called by turns."""

    def __init__(
        self,
        settings: Settings,
        sources: Sources,
        store: Store,
        secrets: ChannelSecrets,
        outbound: Outbound,
        metrics: Metrics,
    ) -> None:
        self._seconds = settings.webhook_seconds
        self._lease_seconds = (
            settings.webhook_seconds + settings.database_wait_seconds + LEASE_MARGIN_SECONDS
        )
        self._sources = sources
        self._store = store
        self._secrets = secrets
        self._outbound = outbound
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: Counter[int] = Counter()
        self._freed = asyncio.Event()
        metrics.gauge(DELIVERIES_UNDER_WAY, lambda: len(self._tasks))

    async def round(self) -> None:
        """Wait until something ended, or a while; then take on what is due and there is room for.

        Raises StoreUnavailable.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._freed.wait(), LOOK_EVERY_SECONDS)
        self._freed.clear()
        await self.take_on()

    async def take_on(self) -> None:
        """Begin what is due and there is room for. Raises StoreUnavailable."""
        now = self._sources.now()
        room = AT_ONCE - len(self._tasks)
        if room <= 0:
            return
        # Those who have all their places are among the waiting too, and are passed over.
        most = room + len(self._running)
        tenants = await self._store.read(lambda unit: unit.deliveries.waiting(now, most))
        for tenant_id in tenants:
            places = min(AT_ONCE_OF_A_TENANT - self._running[tenant_id], room)
            if places > 0:
                room -= await self._take_on_of(tenant_id, places, now)

    async def _take_on_of(self, tenant_id: int, places: int, now: int) -> int:
        lease = partial(
            _lease, tenant_id=tenant_id, most=places, now=now, until=now + self._lease_seconds
        )
        taken = await self._store.write(lease)
        for one in taken:
            self._running[tenant_id] += 1
            task = asyncio.create_task(self._deliver(one))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, tenant_id))
        return len(taken)

    def _ended(self, tenant_id: int, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._running[tenant_id] -= 1
        self._running += Counter()  # forget those who have none
        self._freed.set()

    async def _deliver(self, taken: Taken) -> None:
        """Post it and note what became of it. What cannot be noted is due again after the lease."""
        try:
            outcome, status = await self._tried(taken)
            await self._store.write(partial(self._note, taken, outcome, status))
        except StoreUnavailable as reason:
            log.operational("store_unavailable", reason=str(reason))
        except Exception as problem:  # noqa: BLE001 - others go on; this one after its lease
            log.bug(problem, self._sources, task="deliver")
        else:
            self._tell(taken, outcome, status)

    async def _tried(self, taken: Taken) -> tuple[Outcome, int | None]:
        if taken.url is None:
            return Outcome(End.FAILED), None
        status = await self._posted(taken, taken.url)
        chance = self._sources.random(1)[0] / CHANCES
        return deliveries.outcome(status, taken.delivery.attempts, chance), status

    async def _posted(self, taken: Taken, url: str) -> int | None:
        """The status of the answer; None if there was none."""
        delivery, now = taken.delivery, self._sources.now()
        try:
            secrets = self._secrets.of(taken.channel, now)
        except WrongKey:
            log.operational(log.SECRET_SEALED_ELSEWHERE, channel_id=delivery.channel_id)
            return None
        body = delivery.body.encode()
        headers = HEADERS | signed_headers(secrets, delivery.webhook_id, now, body)
        try:
            return await self._outbound.post(url, headers, body, self._seconds)
        except OutboundFailure:
            return None

    def _note(self, taken: Taken, outcome: Outcome, status: int | None, unit: Unit) -> None:
        delivery, channel, now = taken.delivery, taken.channel, self._sources.now()
        unit.within(delivery.tenant_id)
        if outcome.end is End.AGAIN:
            unit.deliveries.again(delivery, status, now + outcome.after_seconds)
            return
        unit.deliveries.end(delivery, outcome.end, status, now)
        if outcome.end is End.GONE and channel.webhook_url is not None:
            unit.channels.switch_webhook_off(
                channel.tenant_id, channel.channel_id, channel.webhook_url, now
            )

    def _tell(self, taken: Taken, outcome: Outcome, status: int | None) -> None:
        """Count it. What ended badly is logged, without its body, its URL and its secret."""
        self._metrics.count(DELIVERIES, outcome.end.value)
        facts = {
            "tenant_id": taken.delivery.tenant_id,
            "channel_id": taken.delivery.channel_id,
            "webhook_id": taken.delivery.webhook_id,
            "status": status,
        }
        if outcome.end is End.FAILED:
            log.operational(log.DELIVERY_FAILED, **facts)
        elif outcome.end is End.GONE:
            log.operational(log.WEBHOOK_SWITCHED_OFF, **facts)

    async def stop(self) -> None:
        """Let what is on its way arrive, for a moment; the rest is due again after its lease."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_POSTS_SECONDS)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _lease(unit: Unit, *, tenant_id: int, most: int, now: int, until: int) -> Sequence[Taken]:
    unit.within(tenant_id)
    leased = unit.deliveries.lease(tenant_id, now, most, until)
    channels = {one.channel_id: unit.channels.get(tenant_id, one.channel_id) for one in leased}
    return [
        Taken(delivery, channel)
        for delivery in leased
        if (channel := channels[delivery.channel_id]) is not None
    ]
