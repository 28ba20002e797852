"""The servers that clients are compared at, each behind a fault proxy of its own."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.clients.place import TOKEN_SECONDS, Place
from flextell.oauth.scopes import CATALOGUE
from flextell.tls import local_certificate
from tests.peers import elsewhere
from tests.together.fault_proxy import FaultProxy
from tests.together.sdk import free_port
from tests.together.server import SCOPE, RunningServer

Running = Iterator[tuple[Place, FaultProxy]]
MORE_THAN_ANYBODY_ASKS = 1_000_000_000


@contextmanager
def flextell(folder: Path) -> Running:
    """Ours, as it is: a refresh token that is presented again buys the same answer again."""
    port = free_port()
    server = RunningServer(
        folder / "data",
        issuer=f"https://localhost:{port}",
        port=free_port(),
        access_token_seconds=TOKEN_SECONDS,
        api_requests_per_window=MORE_THAN_ANYBODY_ASKS,
        oauth_requests_per_window=MORE_THAN_ANYBODY_ASKS,
    )
    server.command("migrate")
    server.create_person()
    server.start()
    # MCP's client asks for every scope that the server knows.
    app = server.create_app(scope=" ".join(CATALOGUE))
    files = local_certificate(server.data_dir, int(time.time()))
    try:
        with FaultProxy(server.port, files, port=port, seed=4) as proxy:
            yield (
                Place(
                    issuer=proxy.url,
                    authorization_endpoint=f"{proxy.url}/oauth/authorize",
                    token_endpoint=f"{proxy.url}/oauth/token",
                    api=f"{proxy.url}/api",
                    client_id=app.client_id,
                    client_secret=app.client_secret or "",
                    redirect_uri=app.redirect_uri,
                    scope=SCOPE,
                    ca_file=files.ca_file,
                    pages="ours",
                ),
                proxy,
            )
    finally:
        server.stop()


@contextmanager
def oidc_provider(folder: Path) -> Running:
    """npm's oidc-provider: a refresh token that is presented again ends the grant."""
    files = local_certificate(folder, int(time.time()))
    with elsewhere.running(files, TOKEN_SECONDS) as server:
        app = server.app()
        yield (
            Place(
                issuer=app.issuer,
                authorization_endpoint=f"{app.issuer}/auth",
                token_endpoint=f"{app.issuer}/token",
                api=f"{app.issuer}/me",
                client_id=app.client_id,
                client_secret=app.client_secret or "",
                redirect_uri=app.redirect_uri,
                scope=app.scope,
                ca_file=files.ca_file,
                pages="oidc-provider",
            ),
            server.proxy,
        )


SERVERS: Mapping[str, Callable[[Path], AbstractContextManager[tuple[Place, FaultProxy]]]] = {
    "Flextell": flextell,
    "oidc-provider": oidc_provider,
}
