"""The server that others' programs judge, as an operator runs it, and Alice at her browser."""

from collections.abc import Callable, Iterator

import pytest
from httpx2 import Client

from flextell.oauth.registration import Wish, new_client
from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.store.opening import open_store
from tests.peers.business import open_business
from tests.peers.visitor import Visitor
from tests.together.server import ALICE, CALLBACK, PASSWORD, SCOPE, App, RunningServer

Register = Callable[..., App]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server that knows Alice and her business."""
    shared = RunningServer(tmp_path_factory.mktemp("peers") / "data")
    shared.data_dir.mkdir(mode=0o700)
    store = open_store(Settings(data_dir=shared.data_dir))
    store.at_once(open_business)
    store.close()
    yield shared.start()
    shared.stop()


@pytest.fixture(scope="session")
def register(server: RunningServer) -> Iterator[Register]:
    """Register an app that Alice has never met; takes the fields of `Wish`.

    By the rules of `flextell apps create`, without the second that starting it takes.
    """
    store = open_store(Settings(data_dir=server.data_dir))

    def app(redirect_uri: str = CALLBACK, scope: str = SCOPE, **more: bool) -> App:
        wish = Wish(name="Photos", redirect_uris=(redirect_uri,), scope=scope, **more)  # type: ignore[arg-type]
        made = new_client(wish, SYSTEM.random, SYSTEM.now())
        store.at_once(lambda unit: unit.clients.add(made.client))
        return App(made.client.client_id, made.secret, redirect_uri, scope)

    yield app
    store.close()


@pytest.fixture
def alice(server: RunningServer) -> Iterator[Visitor]:
    """Alice at a browser in which nobody is signed in."""
    with Client(verify=server.trust()) as browser:
        yield Visitor(browser, server.url, ALICE, PASSWORD)


@pytest.fixture(autouse=True)
def _trusted(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell programs built on requests and on Node.js which authority to trust."""
    for variable in ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(variable, server.ready["ca_file"])
