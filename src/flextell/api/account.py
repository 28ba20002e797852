"""The endpoints about the account itself: who is signed in, where, and with which roles."""

from typing_extensions import TypedDict

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.caller import Caller
from flextell.api.envelopes import One
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes.role import name, ordered
from flextell.api.shapes.tenant import Tenant, tenant
from flextell.api.shapes.user import Me, me
from flextell.oauth.bearer import RevokedBearer
from flextell.store.port import Unit
from flextell.tenants import access

# The version that the first release calls itself (wire §e 1); its path is /api/v1.
VERSION = "v0.0.1"


class About(TypedDict):
    """What this API is."""

    name: str
    version: str


class Allowed(TypedDict):
    """What somebody may do in a tenant: the names of their roles and permissions, by id."""

    roles: dict[str, str]
    permissions: dict[str, str]


def about(_unit: Unit, _caller: Caller, asked: Asked) -> One[About]:
    """Say what this API is.

    Any valid token will do.
    """
    return {"success": asked.success, "data": {"name": "Flextell API", "version": VERSION}}


def list_tenants(unit: Unit, caller: Caller, asked: Asked) -> Page[Tenant]:
    """List the tenants that the signed-in person belongs to."""
    request = paging.read(ListParameters, asked, "account/tenants")
    found = unit.tenants.of_person(caller.subject, request.window)
    return paging.page(request, asked, found, tenant)


def get_me(unit: Unit, caller: Caller, asked: Asked) -> One[Me]:
    """Say who is signed in, and which scopes the token has.

    In a tenant, as it knows them; without one, what every tenant may know.
    """
    person = unit.people.by_subject(caller.subject)
    if person is None:
        raise RevokedBearer
    member = None
    if caller.membership is not None:
        member = unit.members.get(caller.tenant_id, person.person_id)
    return {"success": asked.success, "data": me(person, member, sorted(caller.token.scopes))}


def get_my_roles(_unit: Unit, caller: Caller, asked: Asked) -> One[Allowed]:
    """Say which roles the signed-in person has in the tenant, and what they allow."""
    roles = caller.membership.roles if caller.membership else frozenset[str]()
    return {
        "success": asked.success,
        "data": {
            "roles": {str(role.role_id): role.name for role in access.known(roles)},
            "permissions": {
                str(each.value): name(each) for each in ordered(access.permissions(roles))
            },
        },
    }
