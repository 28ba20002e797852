"""The endpoints of customers who are blocked on a channel."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.bodies import ABSENT, WHOLE, Body, Flag, Id, Moment
from flextell.api.caller import Caller
from flextell.api.envelopes import One
from flextell.api.errors import no_such, unrelated
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes.blacklist import BlacklistEntry, blacklist_entry
from flextell.store.port import Unit
from flextell.tenants import blacklists
from flextell.tenants.blacklists import (
    MAXIMUM_NOTE_CHARACTERS,
    MAXIMUM_TTL_SECONDS,
    Block,
    BlockFilters,
    BlockQuery,
    BlockTerms,
    Reason,
)
from flextell.tenants.model import LARGEST_ID, OutsideTenant


def _metadata(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return value
    raise PydanticCustomError("metadata", "")


Metadata = Annotated[
    Any,
    BeforeValidator(_metadata),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {}}, {"type": "object"}]}),
]
"""A list or an object of whatever the app wants to remember."""

Seconds = Annotated[int, Field(ge=1, le=MAXIMUM_TTL_SECONDS), WHOLE]


class NewBlock(Body):
    """Whom to block where, why, and for how long (without `ttl_seconds`: for good)."""

    channel_id: Id
    customer_id: Id
    reason: Reason
    ttl_seconds: Seconds | None = Field(None)
    note: str | None = Field(None, max_length=MAXIMUM_NOTE_CHARACTERS)
    metadata: Metadata = Field(())


class BlockChanges(Body):
    """What of a block is to change: `metadata` is merged, null as `expires_at` is for good."""

    reason: Reason = Field(ABSENT)
    note: str | None = Field(ABSENT, max_length=MAXIMUM_NOTE_CHARACTERS)
    expires_at: Moment | None = Field(ABSENT)
    is_active: Flag = Field(ABSENT)
    metadata: Metadata = Field(ABSENT)


class BlockListParameters(ListParameters):
    """Which blocks, newest first."""

    channel_id: int | None = Field(None, ge=1, le=LARGEST_ID, description="Only on this channel.")
    customer_id: int | None = Field(None, ge=1, le=LARGEST_ID, description="Only this customer's.")
    reason: Reason | None = Field(None, description="Only these.")
    in_force: bool | None = Field(
        None, description="Only those that block now: active, and not expired."
    )


def list_blocks(unit: Unit, caller: Caller, asked: Asked) -> Page[BlacklistEntry]:
    """List blocks."""
    request = paging.read(
        BlockListParameters, asked, f"channel-blacklists/{caller.tenant_id}", sorted_by=int
    )
    wanted = request.parameters
    filters = BlockFilters(
        channel_id=wanted.channel_id,
        customer_id=wanted.customer_id,
        reason=wanted.reason,
        in_force_at=asked.now if wanted.in_force else None,
    )
    found = unit.blacklists.find(caller.tenant_id, BlockQuery(filters, request.window))
    return paging.page(request, asked, found, lambda block: blacklist_entry(block, asked.now))


def get_block(unit: Unit, caller: Caller, asked: Asked) -> One[BlacklistEntry]:
    """Get one block."""
    return _one(unit, caller, asked, asked.ids["id"])


def create_block(unit: Unit, caller: Caller, asked: Asked) -> One[BlacklistEntry]:
    """Block a customer on a channel.

    What they write is dropped from now on, and nothing can be sent to them there.
    """
    wanted = asked.body(NewBlock)
    if unit.channels.get(caller.tenant_id, wanted.channel_id) is None:
        raise unrelated("channel_id", "a channel")
    terms = BlockTerms(
        reason=wanted.reason,
        note=wanted.note,
        expires_at=blacklists.for_seconds(wanted.ttl_seconds, asked.now),
        metadata=blacklists.check_metadata(wanted.metadata),
    )
    try:
        block_id = unit.blacklists.add(
            caller.tenant_id, wanted.channel_id, wanted.customer_id, terms, asked.now
        )
    except OutsideTenant:
        raise unrelated("customer_id", "a customer") from None
    return _one(unit, caller, asked, block_id)


def update_block(unit: Unit, caller: Caller, asked: Asked) -> One[BlacklistEntry]:
    """Change a block.

    `is_active` false lifts it.
    """
    block = _existing(unit, caller, asked.ids["id"])
    terms = blacklists.changed(block.terms, asked.body(BlockChanges).changes())
    unit.blacklists.change(block, terms, asked.now)
    return _one(unit, caller, asked, block.block_id)


def _existing(unit: Unit, caller: Caller, block_id: int) -> Block:
    found = unit.blacklists.get(caller.tenant_id, block_id)
    if found is None:
        raise no_such("block")
    return found


def _one(unit: Unit, caller: Caller, asked: Asked, block_id: int) -> One[BlacklistEntry]:
    block = _existing(unit, caller, block_id)
    return {"success": asked.success, "data": blacklist_entry(block, asked.now)}
