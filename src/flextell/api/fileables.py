"""What a file can belong to, and who says whether it is there: a new kind is a line here."""

from collections.abc import Callable, Mapping

from flextell.api.errors import unrelated
from flextell.store.port import Unit
from flextell.tenants.files import Fileable, FileableType

IsThere = Callable[[Unit, int, int], bool]
"""Whether a tenant has a thing with this id."""

# What an id has to be, in words for the client's developer.
FILEABLES: Mapping[FileableType, tuple[str, IsThere]] = {
    "customer": (
        "a customer",
        lambda unit, tenant_id, id: unit.customers.get(tenant_id, id) is not None,
    ),
    "user": ("a user", lambda unit, tenant_id, id: unit.members.get(tenant_id, id) is not None),
    "tenant": ("this business", lambda unit, tenant_id, id: id == tenant_id),
    "chat_log": (
        "a message",
        lambda unit, tenant_id, id: unit.messages.exists(tenant_id, id),
    ),
    "ai_report": ("a report", lambda unit, tenant_id, id: False),
}


def demand(unit: Unit, tenant_id: int, fileable: Fileable) -> None:
    """Raises ApiError unless the tenant has what the file is to belong to."""
    what, is_there = FILEABLES[fileable.kind]
    if not is_there(unit, tenant_id, fileable.id):
        raise unrelated("fileable_id", what)
