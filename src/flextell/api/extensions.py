"""What our OpenAPI document says beyond the words of OpenAPI: how to call, and who may.

`x-codeSamples` is what pages of references look for; `x-permission` and `x-roles` are ours.
"""

from typing import Any

from flextell.api.row import Row
from flextell.api.samples import samples
from flextell.tenants.access import ROLES, Permission, allows


def extensions(row: Row, method: str, issuer: str) -> dict[str, Any]:
    """The extensions of an operation."""
    return {"x-codeSamples": samples(row, method, issuer)} | _who(row.permission)


def _who(permission: Permission | None) -> dict[str, Any]:
    """The permission, and the roles that have it; nothing where no tenant is acted in."""
    if permission is None:
        return {}
    roles = [name for name in ROLES if allows({name}, permission)]
    return {"x-permission": permission.name.lower(), "x-roles": roles}
