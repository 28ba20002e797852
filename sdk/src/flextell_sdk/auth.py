"""The grant's token on every request of anybody's own httpx2 client, fresh without asking."""

from collections.abc import AsyncGenerator, Generator
from concurrent.futures import Future

import httpx2

from flextell_sdk.bearer import authorized
from flextell_sdk.errors import NotForThere
from flextell_sdk.grant import Grant
from flextell_sdk.tokens import Tokens
from flextell_sdk.waiting import arrival


class GrantAuth(httpx2.Auth):
    """`httpx2.Client(auth=GrantAuth(grant))`; the same for `AsyncClient`.

    Tokens go to the app's API only: to any other address a request raises NotForThere. Raises
    also what `Grant.tokens` raises.
    """

    def __init__(self, grant: Grant) -> None:
        self._grant = grant
        self._for = origin(httpx2.URL(grant.wire.app.api_url))

    def sync_auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Drive `authorized` with threads."""
        self._check(request)
        steps = authorized(self._grant, request)
        came: httpx2.Response | Tokens | None = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration:
                return
            came = step.result() if isinstance(step, Future) else (yield step)

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Drive `authorized` with tasks."""
        self._check(request)
        steps = authorized(self._grant, request)
        came: httpx2.Response | Tokens | None = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration:
                return
            if isinstance(step, Future):
                came = await arrival(step)
            else:
                came = yield step

    def _check(self, request: httpx2.Request) -> None:
        if origin(request.url) != self._for:
            raise NotForThere("This address is not the API's: its token would go to strangers.")


def origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454 §4)."""
    return url.scheme, url.host, url.port
