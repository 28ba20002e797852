"""The endpoints of customers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.bodies import ABSENT, Body, Email, Id, Moment
from flextell.api.caller import Caller
from flextell.api.envelopes import Done, One, done
from flextell.api.errors import conflict, no_such, unrelated
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes.customer import Customer, customer
from flextell.store.port import Unit
from flextell.tenants import customers, model
from flextell.tenants.customers import CustomerQuery, SortKey
from flextell.tenants.model import CustomerDetails, Gender, OutsideTenant
from flextell.tenants.paging import SortOrder

# By the name that `CustomerDetails` has for it: the field, what it must be the id of, and how that
# is found out.
RELATED: Mapping[str, tuple[str, str, Callable[[Unit, int, int], bool]]] = {
    "person_id": (
        "user_id",
        "somebody who belongs here",
        lambda unit, tenant_id, value: unit.members.get(tenant_id, value) is not None,
    ),
    "country_id": (
        "country_id",
        "a country",
        lambda unit, tenant_id, value: unit.tenants.is_place("country", value),
    ),
    "default_channel_id": (
        "default_channel_id",
        "a channel",
        lambda unit, tenant_id, value: unit.channels.get(tenant_id, value) is not None,
    ),
}
MOST_TAGS = 100


class NewCustomer(Body):
    """A customer."""

    first_name: str = Field(max_length=255)
    last_name: str = Field(max_length=255)
    phone_number: str = Field(max_length=20)
    email: Email | None = Field(None)
    date_of_birth: Moment | None = Field(None)
    gender: Gender | None = Field(None)
    country_id: Id | None = Field(None)
    identity_number: str | None = Field(None, max_length=255)
    job: str | None = Field(None, max_length=255)
    address: str | None = Field(None, max_length=1000)
    default_channel_id: Id | None = Field(None)
    user_id: Id | None = Field(None)
    tag_ids: list[Id] = Field(ABSENT, max_length=MOST_TAGS)


class CustomerChanges(NewCustomer):
    """What of a customer is to change; `tag_ids` replaces all tags."""

    first_name: str = Field(ABSENT, max_length=255)
    last_name: str = Field(ABSENT, max_length=255)
    phone_number: str = Field(ABSENT, max_length=20)


class CustomerListParameters(ListParameters):
    """Which customers, in which order."""

    search: str | None = Field(
        None,
        max_length=customers.MAXIMUM_SEARCH_CHARACTERS,
        description="Part of the name, phone number or e-mail address; case and accents are equal. "
        "Without three letters or digits in a row, what a word begins with.",
    )
    sort_by: SortKey | None = Field(
        None, description="What to sort by (default `created_at`); those without it come last."
    )
    sort_order: SortOrder | None = Field(
        None, description="Default `asc`, and `desc` where `sort_by` is absent."
    )
    gender: Gender | None = Field(None, description="Only these.")
    min_age: int | None = Field(
        None, ge=0, le=customers.MAXIMUM_AGE, description="Not younger, in whole years (UTC)."
    )
    max_age: int | None = Field(
        None, ge=0, le=customers.MAXIMUM_AGE, description="Not older, in whole years (UTC)."
    )
    trashed: bool | None = Field(None, description="Deleted customers too.")


def list_customers(unit: Unit, caller: Caller, asked: Asked) -> Page[Customer]:
    """List customers."""
    request = paging.read(CustomerListParameters, asked, f"customers/{caller.tenant_id}")
    wanted = request.parameters
    sort = customers.sorting(wanted.sort_by, wanted.sort_order)
    filters = customers.filters(
        search=wanted.search,
        gender=wanted.gender,
        min_age=wanted.min_age,
        max_age=wanted.max_age,
        trashed=wanted.trashed,
        now=asked.now,
    )
    if request.window.after is not None:
        customers.check_after(request.window.after, sort.key)
    found = unit.customers.find(caller.tenant_id, CustomerQuery(filters, sort, request.window))
    return paging.page(request, asked, found, customer)


def get_customer(unit: Unit, caller: Caller, asked: Asked) -> One[Customer]:
    """Get one customer."""
    return {"success": asked.success, "data": customer(existing_customer(unit, caller, asked))}


def create_customer(unit: Unit, caller: Caller, asked: Asked) -> One[Customer]:
    """Create a customer."""
    wanted = asked.body(NewCustomer).changes()
    tag_ids = wanted.pop("tag_ids", ())
    details = CustomerDetails(**_details(unit, caller, wanted))
    customer_id = unit.customers.add(caller.tenant_id, details, asked.now)
    _set_tags(unit, caller, customer_id, tag_ids)
    return _one(unit, caller, asked, customer_id)


def update_customer(unit: Unit, caller: Caller, asked: Asked) -> One[Customer]:
    """Change a customer.

    Only what is sent changes; null empties what may be empty.
    """
    was = existing_customer(unit, caller, asked)
    wanted = asked.body(CustomerChanges).changes()
    tag_ids = wanted.pop("tag_ids", None)
    details = replace(was.details, **_details(unit, caller, wanted, was.details))
    unit.customers.put(replace(was, details=details), asked.now)
    if tag_ids is not None:
        _set_tags(unit, caller, was.customer_id, tag_ids)
    return get_customer(unit, caller, asked)


def delete_customer(unit: Unit, caller: Caller, asked: Asked) -> One[Done]:
    """Delete a customer.

    Lists show them only with `trashed`; `restore` brings them back.
    """
    if not unit.customers.delete(caller.tenant_id, asked.ids["id"], asked.now):
        raise no_such("customer")
    return done(asked.success, "The customer was deleted.")


def restore_customer(unit: Unit, caller: Caller, asked: Asked) -> One[Customer]:
    """Restore a deleted customer."""
    if not unit.customers.restore(caller.tenant_id, asked.ids["id"], asked.now):
        existing_customer(unit, caller, asked)
        raise conflict("The customer is not deleted.")
    return get_customer(unit, caller, asked)


def existing_customer(unit: Unit, caller: Caller, asked: Asked) -> model.Customer:
    """The customer that the path names. Raises ApiError (404)."""
    found = unit.customers.get(caller.tenant_id, asked.ids["id"])
    if found is None:
        raise no_such("customer")
    return found


def _one(unit: Unit, caller: Caller, asked: Asked, customer_id: int) -> One[Customer]:
    return get_customer(unit, caller, replace(asked, ids={"id": customer_id}))


def _details(
    unit: Unit, caller: Caller, wanted: dict[str, Any], was: CustomerDetails | None = None
) -> dict[str, Any]:
    """The fields as `CustomerDetails` names them; what they refer to is there (wire §e 9).

    What they refer to already may be gone meanwhile: who sends it back changes nothing.
    """
    if "user_id" in wanted:
        wanted["person_id"] = wanted.pop("user_id")
    for name, (field, what, is_there) in RELATED.items():
        value = wanted.get(name)
        if value in (None, getattr(was, name, None)):
            continue
        if not is_there(unit, caller.tenant_id, value):
            raise unrelated(field, what)
    return wanted


def _set_tags(unit: Unit, caller: Caller, customer_id: int, tag_ids: Sequence[int]) -> None:
    try:
        unit.customers.set_tags(caller.tenant_id, customer_id, tag_ids)
    except OutsideTenant:
        raise unrelated("tag_ids", "tags") from None
