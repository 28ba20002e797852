"""How a conversation begins: with a customer who is known by their address, or a new one."""

from hashlib import sha256

from flextell.store.port import Unit
from flextell.tenants import conversations


def begin(
    unit: Unit,
    tenant_id: int,
    channel_id: int,
    address: str,
    first_name: str | None,
    last_name: str | None,
    now: int,
) -> int | None:
    """Begin a conversation with a normalised address; None if the channel has one with it.

    Two that begin with one address at once are one after the other: the customer is made once.
    """
    unit.hold(sha256(f"address {tenant_id} {address}".encode()).digest())
    if unit.conversations.at(tenant_id, channel_id, address) is not None:
        return None
    customer_id = None
    if conversations.phone_number(address) is not None:
        customer_id = unit.customers.by_phone_number(tenant_id, address)
    if customer_id is None:
        details = conversations.newcomer(address, first_name, last_name)
        customer_id = unit.customers.add(tenant_id, details, now)
    return unit.conversations.add(tenant_id, channel_id, address, customer_id, now)
