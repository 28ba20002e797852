"""The clients: everything that the API offers, one line for each operation, twice.

What happens in a call stands in `call` and `bearer`, once; here are the two ways to wait for it.
"""

import asyncio
from concurrent.futures import Future
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx2

from flextell_sdk.api import operations
from flextell_sdk.api.models import About
from flextell_sdk.api.operation import Operation, as_query
from flextell_sdk.call import Finished, advance, performed
from flextell_sdk.catalogue import (
    Account,
    AsyncAccount,
    AsyncBlocks,
    AsyncBusiness,
    AsyncChannels,
    AsyncConversations,
    AsyncCustomers,
    AsyncFiles,
    AsyncMessages,
    AsyncNotes,
    AsyncRoles,
    AsyncTags,
    AsyncUsers,
    Blocks,
    Business,
    Channels,
    Conversations,
    Customers,
    Files,
    Messages,
    Notes,
    Roles,
    Tags,
    Users,
)
from flextell_sdk.errors import NotForThere
from flextell_sdk.grant import Grant
from flextell_sdk.tokens import Tokens
from flextell_sdk.waiting import arrival

T = TypeVar("T")


def _request(
    http: httpx2.Client | httpx2.AsyncClient, grant: Grant, tenant: int | None, of: Operation[Any]
) -> httpx2.Request:
    """The request of an operation, in a tenant if one was named."""
    headers = {}
    if tenant is not None:
        headers["x-tenant"] = str(tenant)
    if of.idempotency_key:
        headers["idempotency-key"] = of.idempotency_key
    url = grant.wire.app.api_url + of.path
    try:
        return http.build_request(
            of.method,
            url,
            params=of.query or None,
            json=of.body,
            data=dict(of.upload.fields) if of.upload else None,
            files={"file": (of.upload.name, of.upload.content)} if of.upload else None,
            headers=headers or None,
        )
    except httpx2.InvalidURL:
        raise NotForThere("This path cannot be part of an address.") from None


def _operation(
    method: str, path: str, query: dict[str, object] | None, body: Any, idempotency_key: str
) -> Operation[Any]:
    """An operation that this version does not know by name, read as plain JSON."""
    if path and _leads_out(path):
        raise NotForThere("A path begins with a slash, and has no dots for a part.")
    asked = as_query(**query or {})
    return Operation(method, path, _as_it_is, asked, body=body, idempotency_key=idempotency_key)


def _leads_out(path: str) -> bool:
    """Without a slash it would go on with the host's name or port; dots lead out of the API."""
    if not path.startswith("/"):
        return True
    if "." not in path and "%" not in path:
        return False
    return not {".", ".."}.isdisjoint(unquote(path.partition("?")[0]).split("/"))


def _as_it_is(body: Any) -> Any:
    return body


class Client:
    """The API for one person, in threads. Costs next to nothing to make.

    `tenant` is the tenant to act in, for those who belong to several. Every call raises ApiError,
    SignInAgain, Unreachable, TokenRequestRefused, StoreError or UnexpectedAnswer.
    """

    def __init__(self, grant: Grant, *, tenant: int | None = None) -> None:
        self.grant = grant
        self.tenant = tenant
        self.account = Account(self)
        self.customers = Customers(self)
        self.notes = Notes(self)
        self.tags = Tags(self)
        self.files = Files(self)
        self.conversations = Conversations(self)
        self.messages = Messages(self)
        self.channels = Channels(self)
        self.blocks = Blocks(self)
        self.business = Business(self)
        self.users = Users(self)
        self.roles = Roles(self)

    def in_tenant(self, tenant: int) -> "Client":
        """The same, acting in that tenant."""
        return Client(self.grant, tenant=tenant)

    def about(self) -> About:
        """What the API says of itself."""
        return self.perform(operations.about())

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, object] | None = None,
        body: Any = None,
        idempotency_key: str = "",
    ) -> Any:
        """The parsed JSON of any call; `path` follows the API's address, as in `/v1/customers`."""
        return self.perform(_operation(method, path, query, body, idempotency_key))

    def perform(self, operation: Operation[T]) -> T:
        """What the operation reads out of the API's answer."""
        wire = self.grant.wire
        call = performed(
            self.grant, operation, _request(wire.http(), self.grant, self.tenant, operation)
        )
        came: httpx2.Response | Tokens | None = None
        failure: httpx2.RequestError | None = None
        while not isinstance(step := advance(call, came, failure), Finished):
            came, failure = None, None
            try:
                if isinstance(step, httpx2.Request):
                    came = wire.http().send(step)
                elif isinstance(step, Future):
                    came = step.result()
                else:
                    wire.sources.pause(step)
            except httpx2.RequestError as problem:
                failure = problem
        return step.value


class AsyncClient:
    """The API for one person, in tasks: as `Client`, to be awaited."""

    def __init__(self, grant: Grant, *, tenant: int | None = None) -> None:
        self.grant = grant
        self.tenant = tenant
        self.account = AsyncAccount(self)
        self.customers = AsyncCustomers(self)
        self.notes = AsyncNotes(self)
        self.tags = AsyncTags(self)
        self.files = AsyncFiles(self)
        self.conversations = AsyncConversations(self)
        self.messages = AsyncMessages(self)
        self.channels = AsyncChannels(self)
        self.blocks = AsyncBlocks(self)
        self.business = AsyncBusiness(self)
        self.users = AsyncUsers(self)
        self.roles = AsyncRoles(self)

    def in_tenant(self, tenant: int) -> "AsyncClient":
        """The same, acting in that tenant."""
        return AsyncClient(self.grant, tenant=tenant)

    async def about(self) -> About:
        """What the API says of itself."""
        return await self.perform(operations.about())

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, object] | None = None,
        body: Any = None,
        idempotency_key: str = "",
    ) -> Any:
        """The parsed JSON of any call; `path` follows the API's address, as in `/v1/customers`."""
        return await self.perform(_operation(method, path, query, body, idempotency_key))

    async def perform(self, operation: Operation[T]) -> T:
        """What the operation reads out of the API's answer."""
        wire = self.grant.wire
        call = performed(
            self.grant,
            operation,
            _request(wire.http_of_tasks(), self.grant, self.tenant, operation),
        )
        came: httpx2.Response | Tokens | None = None
        failure: httpx2.RequestError | None = None
        while not isinstance(step := advance(call, came, failure), Finished):
            came, failure = None, None
            try:
                if isinstance(step, httpx2.Request):
                    came = await wire.http_of_tasks().send(step)
                elif isinstance(step, Future):
                    came = await arrival(step)
                else:
                    await asyncio.sleep(step)
            except httpx2.RequestError as problem:
                failure = problem
        return step.value
