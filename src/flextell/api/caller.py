"""Who asks, and in which tenant: a proven token and X-Tenant become a Caller (wire §e 17, 33)."""

from collections.abc import Sequence
from dataclasses import dataclass

from flextell.oauth.access_token import AccessToken
from flextell.oauth.bearer import RevokedBearer
from flextell.store.port import Unit
from flextell.tenants import access
from flextell.tenants.access import Permission
from flextell.tenants.model import Membership, Named


@dataclass(frozen=True, slots=True)
class Caller:
    """The app's token and, on endpoints that need a permission, the membership it acts under."""

    token: AccessToken
    membership: Membership | None = None

    @property
    def subject(self) -> str:
        """The person the app acts for."""
        return self.token.subject

    @property
    def tenant_id(self) -> int:
        """The tenant the request acts in. A bug where the endpoint's row names no permission."""
        if self.membership is None:
            raise LookupError("this endpoint acts in no tenant")
        return self.membership.tenant_id


def acting_person(unit: Unit, caller: Caller) -> Named:
    """The person the app acts for, in a unit that has let them in."""
    person = unit.people.by_subject(caller.subject)
    if person is None:
        raise RevokedBearer
    return Named(person.person_id, person.name)


def admit(
    unit: Unit,
    token: AccessToken,
    tenant_header: Sequence[str],
    permission: Permission | None,
    *,
    anywhere: bool = False,
) -> Caller:
    """Let the caller in. Raises RevokedBearer if the person is gone, and TenantRefusal.

    `anywhere`: who names no tenant, and has none or several, acts in none. Whoever is in sees and
    changes the rows of the tenant they act in only; who acts in none, those of all that are theirs.
    """
    memberships = unit.tenants.memberships(token.subject)
    if memberships is None:
        raise RevokedBearer
    named = None if permission is None else access.named_tenant(tenant_header)
    if permission is None or (anywhere and named is None and len(memberships) != 1):
        unit.within(*(each.tenant_id for each in memberships))
        return Caller(token)
    membership = access.acting_in(named, memberships)
    access.need(membership, permission)
    unit.within(membership.tenant_id)
    return Caller(token, membership)
