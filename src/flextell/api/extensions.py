"""What our OpenAPI document says of an operation beyond its own: how to call it, and who may.

`x-codeSamples` is what pages of references look for; `x-permission` and `x-roles` are ours.
"""

from typing import Any

from flextell.api.row import Row
from flextell.api.samples import samples
from flextell.oauth.discovery import DOCUMENTATION_PATH
from flextell.tenants.access import ROLES, Permission, allows


def extensions(row: Row, method: str, name: str, issuer: str) -> dict[str, Any]:
    """What is said of the operation of this name, and where there is more to read."""
    return {
        "externalDocs": {
            "description": "All of it on a page, with samples",
            "url": f"{issuer}{DOCUMENTATION_PATH}/{name}",
        },
        "x-codeSamples": samples(row, method, issuer),
        **_who(row.permission),
    }


def _who(permission: Permission | None) -> dict[str, Any]:
    """The permission, and the roles that have it; nothing where no tenant is acted in."""
    if permission is None:
        return {}
    roles = [name for name in ROLES if allows({name}, permission)]
    return {"x-permission": permission.name.lower(), "x-roles": roles}
