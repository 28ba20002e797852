"""The endpoints of customers."""

from pydantic import Field

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.caller import Caller
from flextell.api.envelopes import One
from flextell.api.errors import no_such
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes.customer import Customer, customer
from flextell.store.port import Unit
from flextell.tenants import customers
from flextell.tenants.customers import CustomerQuery, SortKey
from flextell.tenants.model import Gender
from flextell.tenants.paging import SortOrder


class CustomerListParameters(ListParameters):
    """Which customers, in which order."""

    search: str | None = Field(
        None,
        max_length=customers.MAXIMUM_SEARCH_CHARACTERS,
        description="Part of the name, phone number or e-mail address; case and accents are equal.",
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
    found = unit.customers.get(caller.tenant_id, asked.ids["id"])
    if found is None:
        raise no_such("customer")
    return {"success": asked.success, "data": customer(found)}
