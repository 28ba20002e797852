"""One endpoint as a row of a table: who may use it, what runs, what goes in and out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from flextell.api.asked import Asked
from flextell.api.bodies import Body
from flextell.api.caller import Caller
from flextell.api.incoming import Incoming
from flextell.api.parameters import ListParameters
from flextell.parts import Parts
from flextell.store.port import Unit
from flextell.tenants.access import Permission

Run = Callable[[Unit, Caller, Asked], object]

Prepare = Callable[[Parts, Caller, Incoming], Awaitable[object]]
"""What is done before the unit of work, once the caller is known to be allowed: an upload that is
streamed to disk, a password that is hashed. What it returns is `Asked.prepared`."""


@runtime_checkable
class Provisional(Protocol):
    """What was prepared and lies somewhere, for nothing if no unit of work takes it."""

    async def take_back(self) -> None:
        """Undo it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint. `status` is that of success; a PUT is a PATCH too (wire §e 7)."""

    method: str
    path: str
    scopes: tuple[str, ...]
    permission: Permission | None
    run: Run
    returns: Any
    query: type[ListParameters] | None = None
    body: type[Body] | None = None
    status: int = 200
    # The fields of a multipart form that has a file too; `prepare` takes it in.
    form: type[Body] | None = None
    prepare: Prepare | None = None
    # Members of `data` that change by themselves, such as a signed address: no part of the ETag.
    volatile: frozenset[str] = frozenset()
    # It also acts in no tenant, if none is named and it cannot be guessed.
    anywhere: bool = False
    # It reads one thing: see `store.port.Store`.
    brief: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """Every method that this row answers, but for HEAD."""
        return ("PUT", "PATCH") if self.method == "PUT" else (self.method,)

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def single(self) -> bool:
        """Whether it reads one thing, which then has an ETag."""
        return self.method == "GET" and self.query is None

    def shows_what(self, reading: "Row | None") -> bool:
        """Whether this change answers with what reading its path shows, and so with its ETag."""
        return self.method == "PUT" and reading is not None and reading.returns == self.returns
