"""The endpoints about the account itself, which act in no tenant."""

from typing_extensions import TypedDict

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.caller import Caller
from flextell.api.envelopes import One
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes.tenant import Tenant, tenant
from flextell.store.port import Unit

# The version that the first release calls itself (wire §e 1); its path is /api/v1.
VERSION = "v0.0.1"


class About(TypedDict):
    """What this API is."""

    name: str
    version: str


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
