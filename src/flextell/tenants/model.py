"""Businesses, who belongs to them, and their customers, as frozen values.

Times are whole seconds since the epoch (UTC); a date of birth is its midnight. Ids are positive
integers of at most 63 bits.
"""

from dataclasses import dataclass
from typing import Literal

LARGEST_ID = 2**63 - 1

Gender = Literal["male", "female", "other"]
PlaceKind = Literal["country", "city", "district"]


class OutsideTenant(Exception):
    """Something was to be tied to a tenant that belongs to another one, or to none."""


@dataclass(frozen=True, slots=True)
class Named:
    """A place or a person, as others refer to it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class WorkHours:
    """When a business is open on one day of the week; times are `HH:MM`, local."""

    day: str
    enabled: bool
    open: str
    close: str


@dataclass(frozen=True, slots=True)
class TenantDetails:
    """What a business says of itself. Places are ids of `Tenants.add_place`."""

    name: str
    avatar_url: str | None = None
    phone_number: str | None = None
    address: str | None = None
    latitude: str | None = None
    longitude: str | None = None
    services: tuple[str, ...] = ()
    knowledge_base: tuple[str, ...] = ()
    work_hours: tuple[WorkHours, ...] = ()
    country_id: int | None = None
    city_id: int | None = None
    district_id: int | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A business: the wall that no query crosses."""

    tenant_id: int
    details: TenantDetails
    country: Named | None
    city: Named | None
    district: Named | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Membership:
    """A person belongs to a tenant, with any number of roles (rows of `access.ROLES`)."""

    tenant_id: int
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tag:
    """A coloured label that a tenant puts on its customers; `color` is `#RRGGBB`."""

    tag_id: int
    tenant_id: int
    name: str
    color: str
    created_at: int
    updated_at: int
    deleted_at: int | None = None


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """What a tenant knows of a customer. `person_id` is the member who looks after them."""

    first_name: str
    last_name: str
    phone_number: str
    email: str | None = None
    date_of_birth: int | None = None
    gender: Gender | None = None
    country_id: int | None = None
    identity_number: str | None = None
    job: str | None = None
    address: str | None = None
    default_channel_id: int | None = None
    avatar_url: str | None = None
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of one tenant."""

    customer_id: int
    tenant_id: int
    details: CustomerDetails
    country_name: str | None
    related_user: Named | None
    tags: tuple[Tag, ...]
    created_at: int
    updated_at: int
    deleted_at: int | None = None
