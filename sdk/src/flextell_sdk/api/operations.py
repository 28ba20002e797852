"""Every operation of the API: a function for each, which makes the value that says it all."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from flextell_sdk.api.models import About, Customer, Tenant
from flextell_sdk.api.operation import Operation, as_query
from flextell_sdk.api.paging import Page, page_of
from flextell_sdk.api.reading import reader
from flextell_sdk.errors import UnexpectedAnswer

T = TypeVar("T")

# Fewer and larger pages: whoever wants less says so.
PAGE_SIZE = 100


class ListQuery(TypedDict, total=False):
    """What every list takes: the size of a page, 1 to 100."""

    limit: int


class CustomerQuery(ListQuery, total=False):
    """Which customers, in which order."""

    search: str
    sort_by: Literal[
        "first_name", "last_name", "date_of_birth", "gender", "created_at", "updated_at"
    ]
    sort_order: Literal["asc", "desc"]
    gender: Literal["male", "female", "other"]
    min_age: int
    max_age: int
    trashed: bool


def about() -> Operation[About]:
    """What the API says of itself. Any valid token will do."""
    return Operation("GET", "", one(About))


def list_tenants(**query: Unpack[ListQuery]) -> Operation[Page[Tenant]]:
    """The businesses that the person belongs to. Scope: account:read or tenants:read."""
    return Operation("GET", "/v1/account/tenants", page_of(Tenant), _paged(query))


def list_customers(**query: Unpack[CustomerQuery]) -> Operation[Page[Customer]]:
    """The customers of a tenant. Scope: customers:read."""
    return Operation("GET", "/v1/customers", page_of(Customer), _paged(query))


def get_customer(customer_id: int) -> Operation[Customer]:
    """One customer. Scope: customers:read."""
    return Operation("GET", f"/v1/customers/{customer_id:d}", one(Customer))


def one(kind: type[T]) -> Callable[[Any], T]:
    """How to read one thing of this kind out of its envelope."""
    read_it = reader(kind)

    def read(body: Any) -> T:
        if not isinstance(body, dict) or "data" not in body:
            raise UnexpectedAnswer("The answer has no data.")
        return read_it(body["data"])

    return read


def _paged(query: Mapping[str, Any]) -> dict[str, str]:
    return as_query(**{"limit": PAGE_SIZE, **query})
