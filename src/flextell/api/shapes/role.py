"""The Role resource (wire §a.3)."""

from datetime import datetime

from typing_extensions import TypedDict

from flextell.api.shapes.encoding import moment
from flextell.api.shapes.tenant import Reference
from flextell.tenants import access, model
from flextell.tenants.access import Permission


class Role(TypedDict):
    """What a person may do in a tenant. Every tenant has the same roles, as long as it exists."""

    id: int
    tenant_id: int
    name: str
    is_system: bool
    created_at: datetime
    updated_at: datetime
    permissions_count: int
    permissions: list[Reference]


def role(of: access.Role, tenant: model.Tenant) -> Role:
    """The role as the wire shows it to somebody in this tenant."""
    allowed = ordered(of.permissions)
    return {
        "id": of.role_id,
        "tenant_id": tenant.tenant_id,
        "name": of.name,
        "is_system": True,
        "created_at": moment(tenant.created_at),
        "updated_at": moment(tenant.created_at),
        "permissions_count": len(allowed),
        "permissions": [{"id": each.value, "name": name(each)} for each in allowed],
    }


def ordered(permissions: frozenset[Permission]) -> list[Permission]:
    """Permissions by their numbers."""
    return sorted(permissions, key=lambda permission: int(permission.value))


def name(permission: Permission) -> str:
    """A permission as the wire names it."""
    return permission.name.lower()
