"""The endpoints of the tenant that a request acts in."""

from dataclasses import replace
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from flextell.api.asked import Asked
from flextell.api.bodies import ABSENT, NUMBER, Body, Flag, Id
from flextell.api.caller import Caller
from flextell.api.envelopes import One
from flextell.api.errors import ApiError, unrelated
from flextell.api.roles import tenant_of
from flextell.api.shapes.tenant import Tenant, tenant
from flextell.store.port import Unit
from flextell.tenants.model import PlaceKind, TenantDetails, WorkHours

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[Day, ...] = get_args(Day)

Time = Annotated[str, Field(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")]
Service = Annotated[str, Field(max_length=120)]

MOST_SERVICES = 200

Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False), NUMBER]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False), NUMBER]


class LocationBody(Body):
    """Where the business is, in degrees."""

    latitude: Latitude | None
    longitude: Longitude | None


class WorkHoursBody(Body):
    """When the business is open on one day; times are `HH:MM`, local."""

    day: Day
    enabled: Flag
    open: Time
    close: Time


class TenantChanges(Body):
    """What is to be changed of the business; null takes a value away."""

    phone_number: str | None = Field(ABSENT, max_length=32)
    address: str | None = Field(ABSENT, max_length=500)
    knowledge_base: str | None = Field(
        ABSENT, max_length=5000, description="Text for the AI assistant, a line for each thing."
    )
    services: list[Service | None] | None = Field(ABSENT, max_length=MOST_SERVICES)
    location: LocationBody | None = Field(ABSENT)
    work_hours: list[WorkHoursBody] | None = Field(
        ABSENT, max_length=len(DAYS), description="Each day once at most."
    )
    country_id: Id | None = Field(ABSENT)
    city_id: Id | None = Field(ABSENT)
    district_id: Id | None = Field(ABSENT)


def get_tenant(unit: Unit, caller: Caller, asked: Asked) -> One[Tenant]:
    """Get the business that the request acts in."""
    return {"success": asked.success, "data": tenant(tenant_of(unit, caller))}


def update_tenant(unit: Unit, caller: Caller, asked: Asked) -> One[Tenant]:
    """Change what the business says of itself."""
    changes = asked.body(TenantChanges)
    _check_places(unit, changes)
    details = _with(tenant_of(unit, caller).details, changes)
    unit.tenants.put(caller.tenant_id, details, asked.now)
    return get_tenant(unit, caller, asked)


def _check_places(unit: Unit, changes: TenantChanges) -> None:
    """Raises ApiError unless each id is that of a place of its kind."""
    kinds: tuple[PlaceKind, ...] = get_args(PlaceKind)
    for kind in kinds:
        place_id = getattr(changes, f"{kind}_id")
        if place_id is not None and not unit.tenants.is_place(kind, place_id):
            raise unrelated(f"{kind}_id", f"a {kind}")


def _with(details: TenantDetails, changes: TenantChanges) -> TenantDetails:
    """The details with what was sent. Raises ApiError."""
    sent = changes.changes()
    fields: dict[str, Any] = {name: sent[name] for name in sent.keys() & _AS_THEY_COME}
    if "knowledge_base" in sent:
        fields["knowledge_base"] = _lines(changes.knowledge_base or "")
    if "services" in sent:
        fields["services"] = tuple(each for each in changes.services or () if each)
    if "location" in sent:
        where = changes.location
        fields["latitude"] = _degrees(where.latitude if where else None)
        fields["longitude"] = _degrees(where.longitude if where else None)
    if "work_hours" in sent:
        fields["work_hours"] = _week(changes.work_hours or [])
    return replace(details, **fields)


_AS_THEY_COME = frozenset({"phone_number", "address", "country_id", "city_id", "district_id"})


def _lines(text: str) -> tuple[str, ...]:
    """A text as it is kept: each line that says something is an item (wire §e 8)."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _degrees(value: float | None) -> str | None:
    """Degrees as text, to a centimetre."""
    return None if value is None else f"{value:.7f}".rstrip("0").rstrip(".")


def _week(days: list[WorkHoursBody]) -> tuple[WorkHours, ...]:
    """The days in the order of the week. Raises ApiError if one comes twice."""
    if len({each.day for each in days}) < len(days):
        raise ApiError("validation_error", "The field work_hours must hold each day once at most.")
    days = sorted(days, key=lambda each: DAYS.index(each.day))
    return tuple(WorkHours(each.day, each.enabled, each.open, each.close) for each in days)
