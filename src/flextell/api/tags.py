"""The endpoints of tags, and of putting them on customers."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.bodies import ABSENT, Body
from flextell.api.caller import Caller
from flextell.api.customers import existing_customer, get_customer
from flextell.api.envelopes import Done, One, done
from flextell.api.errors import conflict, no_such
from flextell.api.paging import Page
from flextell.api.parameters import SearchParameters
from flextell.api.shapes import customer as shapes
from flextell.api.shapes.customer import Customer, Tag
from flextell.store.port import Unit
from flextell.tenants import model
from flextell.tenants.tags import SORT_KINDS

COLOR = r"^#[0-9A-Fa-f]{6}$"
TagName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class TagListParameters(SearchParameters):
    """Which tags, in which order."""

    sort_by: Literal["name", "created_at", "updated_at"] | None = Field(
        None, description="What to sort by (default `created_at`)."
    )


class NewTag(Body):
    """A tag; its name is unique in the tenant, whatever its case."""

    name: TagName
    color: str = Field(pattern=COLOR)


class TagChanges(Body):
    """What of a tag is to change."""

    name: TagName = Field(ABSENT)
    color: str = Field(ABSENT, pattern=COLOR)


def list_tags(unit: Unit, caller: Caller, asked: Asked) -> Page[Tag]:
    """List tags."""
    request = paging.read(TagListParameters, asked, f"tags/{caller.tenant_id}")
    query = paging.searched(request, SORT_KINDS)
    return paging.page(request, asked, unit.tags.find(caller.tenant_id, query), shapes.tag)


def create_tag(unit: Unit, caller: Caller, asked: Asked) -> One[Tag]:
    """Create a tag."""
    wanted = asked.body(NewTag)
    tag_id = unit.tags.add(caller.tenant_id, wanted.name, wanted.color, asked.now)
    return _one(unit, caller, asked, tag_id)


def get_tag(unit: Unit, caller: Caller, asked: Asked) -> One[Tag]:
    """Get one tag."""
    return _one(unit, caller, asked, asked.ids["id"])


def update_tag(unit: Unit, caller: Caller, asked: Asked) -> One[Tag]:
    """Change a tag."""
    tag_id = _existing(unit, caller, asked.ids["id"]).tag_id
    unit.tags.change(caller.tenant_id, tag_id, asked.body(TagChanges).changes(), asked.now)
    return _one(unit, caller, asked, tag_id)


def delete_tag(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Delete a tag.

    It leaves the customers who have it; `restore` brings it back to them.
    """
    if not unit.tags.delete(caller.tenant_id, asked.ids["id"], asked.now):
        raise no_such("tag")
    return done(asked.success, "The tag was deleted.")


def restore_tag(unit: Unit, caller: Caller, asked: Asked) -> One[Tag]:
    """Restore a deleted tag."""
    if not unit.tags.restore(caller.tenant_id, asked.ids["id"], asked.now):
        _existing(unit, caller, asked.ids["id"])
        raise conflict("The tag is not deleted.")
    return _one(unit, caller, asked, asked.ids["id"])


def put_customer_tag(unit: Unit, caller: Caller, asked: Asked) -> One[Customer]:
    """Put a tag on a customer; twice is once."""
    customer = existing_customer(unit, caller, asked)
    tag = _existing(unit, caller, asked.ids["tag_id"])
    unit.customers.put_tag(caller.tenant_id, customer.customer_id, tag.tag_id)
    return get_customer(unit, caller, asked)


def delete_customer_tag(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Take a tag off a customer, if it is there."""
    customer = existing_customer(unit, caller, asked)
    tag = _existing(unit, caller, asked.ids["tag_id"])
    unit.customers.take_tag(caller.tenant_id, customer.customer_id, tag.tag_id)
    return done(asked.success, "The tag was taken off.")


def _existing(unit: Unit, caller: Caller, tag_id: int) -> model.Tag:
    found = unit.tags.get(caller.tenant_id, tag_id)
    if found is None:
        raise no_such("tag")
    return found


def _one(unit: Unit, caller: Caller, asked: Asked, tag_id: int) -> One[Tag]:
    return {"success": asked.success, "data": shapes.tag(_existing(unit, caller, tag_id))}
