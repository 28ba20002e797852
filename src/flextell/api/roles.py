"""The endpoints of roles: those that every tenant has."""

from collections.abc import Iterable

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.caller import Caller
from flextell.api.envelopes import One
from flextell.api.errors import no_such
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes.role import Role, role
from flextell.store.port import Unit
from flextell.tenants import access, model
from flextell.tenants.paging import part


def list_roles(unit: Unit, caller: Caller, asked: Asked) -> Page[Role]:
    """List the roles that a user can have."""
    return page_of_roles(unit, caller, asked, f"roles/{caller.tenant_id}", access.ROLES)


def get_role(unit: Unit, caller: Caller, asked: Asked) -> One[Role]:
    """Get one role and what it allows."""
    found = access.role_of(asked.ids["id"])
    if found is None:
        raise no_such("role")
    return {"success": asked.success, "data": role(found, tenant_of(unit, caller))}


def page_of_roles(
    unit: Unit, caller: Caller, asked: Asked, list_name: str, names: Iterable[str]
) -> Page[Role]:
    """The part that is asked for of a list of roles."""
    request = paging.read(ListParameters, asked, list_name)
    tenant = tenant_of(unit, caller)
    found = part(access.known(names), request.window, lambda each: each.role_id)
    return paging.page(request, asked, found, lambda each: role(each, tenant))


def tenant_of(unit: Unit, caller: Caller) -> model.Tenant:
    """The tenant that the caller acts in."""
    tenant = unit.tenants.get(caller.tenant_id)
    if tenant is None:
        raise LookupError("a membership names no tenant")
    return tenant
