"""The MCP Python SDK's OAuthClientProvider on an httpx2 client, its TokenStorage a JSON file.

py.sdk.modelcontextprotocol.io/client/oauth-clients, "The provider" and "Token storage": "Persist it
to a file [...] and the next run is silent."
"""

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

from httpx2 import AsyncClient
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from benchmarks.clients.place import TIMEOUT_SECONDS, TORN, Lost, Place, check
from tests.peers.visitor import query_of

NAME, PACKAGE = "MCP SDK", "mcp"


class FileStorage:
    """Its `TokenStorage`: tokens, and the app as it was registered, in one file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def get_tokens(self) -> Any:
        """None if there are none."""
        kept = self._load().get("tokens")
        return OAuthToken.model_validate(kept) if kept else None

    async def set_tokens(self, tokens: Any) -> None:
        """As the provider gives them."""
        self._keep("tokens", tokens)

    async def get_client_info(self) -> Any:
        """None if there is none."""
        kept = self._load().get("client_info")
        return OAuthClientInformationFull.model_validate(kept) if kept else None

    async def set_client_info(self, client_info: Any) -> None:
        """As the provider gives it, or as the app was registered by hand."""
        self._keep("client_info", client_info)

    def _load(self) -> dict[str, Any]:
        if not self._file.exists():
            return {}
        try:
            kept: dict[str, Any] = json.loads(self._file.read_text())
        except ValueError:
            raise Lost(TORN) from None
        return kept

    def _keep(self, name: str, value: Any) -> None:
        kept = {**self._load(), name: value.model_dump(mode="json", exclude_none=True)}
        with self._file.open("w") as file:
            json.dump(kept, file)


class Session:
    """One provider for all tasks. It signs in by itself with the first call, if it may."""

    def __init__(self, place: Place, folder: Path, *, signs_in: bool) -> None:
        self._place = place
        self._may_sign_in = signs_in
        self._back = ""
        self._storage = FileStorage(folder / "token.json")
        about = {"redirect_uris": [place.redirect_uri], "scope": place.scope}
        proof = "client_secret_post"
        if signs_in:
            registered = OAuthClientInformationFull(
                **about,
                client_id=place.client_id,
                client_secret=place.client_secret,
                token_endpoint_auth_method=proof,
            )
            asyncio.run(self._storage.set_client_info(registered))
        provider = OAuthClientProvider(
            server_url=place.api,
            client_metadata=OAuthClientMetadata(**about, token_endpoint_auth_method=proof),
            storage=self._storage,
            redirect_handler=self._redirect,
            callback_handler=self._callback,
        )
        trust = ssl.create_default_context(cafile=place.ca_file)
        self._http = AsyncClient(auth=provider, verify=trust, timeout=TIMEOUT_SECONDS)

    def restore(self) -> None:
        """Its provider reads the storage once; another one would not know when tokens end."""

    async def call(self) -> None:
        """Raises Lost, Failed, and what the library raises."""
        response = await self._http.get(self._place.api)
        check(response.status_code, response.content)

    async def _redirect(self, url: str) -> None:
        if not self._may_sign_in:
            raise Lost("it asks the person")
        self._may_sign_in = False
        self._back = await asyncio.to_thread(self._place.visit, url)

    async def _callback(self) -> Any:
        said = query_of(self._back)
        return AuthorizationCodeResult(
            code=said["code"], state=said.get("state"), iss=said.get("iss")
        )
