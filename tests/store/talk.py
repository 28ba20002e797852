"""What the tests of conversations begin with: a clinic, Bob who works there, a channel, Ada."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Barrier, Event
from typing import TypeVar

from flextell.store.port import Store, Unit
from flextell.tenants.channels import ChannelType, ChannelWish
from flextell.tenants.messages import Draft
from flextell.tenants.model import CustomerDetails, TenantDetails
from tests.store.samples import NOON

T = TypeVar("T")

ADA_PHONE = "+905551234567"
MANY = 8
_clinics = count(1)


@dataclass(frozen=True)
class Talk:
    """The numbers that the database gave."""

    tenant_id: int
    channel_id: int
    customer_id: int
    conversation_id: int
    bob: int


def a_channel(unit: Unit, tenant_id: int, kind: ChannelType = "whatsapp") -> int:
    """A channel of a tenant."""
    wish = ChannelWish(kind, "Reception", "+902120000000")
    return unit.channels.add(tenant_id, wish, NOON)


def begin(unit: Unit) -> Talk:
    """A new clinic in which nothing was said to Ada yet; tests share a database."""
    number = next(_clinics)
    tenant_id = unit.tenants.add(TenantDetails(f"Clinic {number}"), NOON)
    bob = unit.people.add(
        subject=f"sub-bob-{number}",
        email=f"bob-{number}@example.com",
        name="Bob",
        password_hash="",
        now=NOON,
    )
    unit.tenants.add_member(tenant_id, bob.person_id, "staff")
    channel_id = a_channel(unit, tenant_id)
    ada = unit.customers.add(tenant_id, CustomerDetails("Ada", "Çelik", ADA_PHONE), NOON)
    made = unit.conversations.add(tenant_id, channel_id, ADA_PHONE, ada, NOON)
    assert made is not None
    return Talk(tenant_id, channel_id, ada, made, bob.person_id)


def say(unit: Unit, talk: Talk, draft: Draft, now: int = NOON) -> int | None:
    """Keep a message, as whoever sends or receives one does."""
    held = unit.conversations.hold(talk.tenant_id, talk.conversation_id, now)
    assert held is not None
    return unit.messages.add(talk.tenant_id, talk.conversation_id, talk.channel_id, draft, now)


def together(store: Store, work: Callable[[Unit, int], T]) -> list[T]:
    """What many units return that begin at the same moment."""
    start = Barrier(MANY)

    def one(number: int) -> T:
        start.wait()
        return store.at_once(lambda unit: work(unit, number))

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(one, range(MANY)))


def overlapping(store: Store, first: Callable[[Unit], T], second: Callable[[Unit], T]) -> list[T]:
    """What two units return, the second of which begins before the first one ends.

    The first one has done all it does when the second begins, and ends when that is through or, as
    it should be where the second has to wait for it, after a moment.
    """
    did, passed = Event(), Event()

    def lead(unit: Unit) -> T:
        result = first(unit)
        did.set()
        passed.wait(0.3)
        return result

    def follow(unit: Unit) -> T:
        result = second(unit)
        passed.set()
        return result

    with ThreadPoolExecutor(2) as threads:
        leading = threads.submit(store.at_once, lead)
        did.wait()
        following = threads.submit(store.at_once, follow)
        return [leading.result(), following.result()]
