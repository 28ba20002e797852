"""PostgreSQL over TLS: with `sslmode=verify-full` a server must prove that it is the one meant.

The server of the tests is built without TLS, so a front speaks it; what is tested is our end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.store import opening
from flextell.store.port import StoreUnavailable, Unit
from flextell.tls import local_certificate, server_context
from tests.postgres import fresh_database
from tests.store.tls_front import Front, tls_front


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A database whose server has a certificate for localhost, and the authority's file."""

    url: str
    front: Front
    trusted: Path

    def settings(self, host: str = "localhost", root: Path | None = None) -> Settings:
        """Those of a node that calls the server by a name; `root`: whom it trusts."""
        server = urlsplit(self.url)
        user, _, _ = server.netloc.rpartition("@")
        asked = f"hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={root or self.trusted}"
        at = server._replace(netloc=f"{user}@{host}:{self.front.port}", query=asked)
        return Settings(database=at.geturl())


@pytest.fixture
def encrypted(postgres_url: str, tmp_path: Path) -> Iterator[Encrypted]:
    """A new database behind TLS."""
    files = local_certificate(tmp_path, SYSTEM.now())
    context = server_context(files.certificate_file, files.key_file)
    context.set_alpn_protocols(["postgresql"])
    with fresh_database(postgres_url) as url:
        server = urlsplit(url)
        address = (server.hostname or "localhost", server.port or 5432)
        with tls_front(address, context) as front:
            yield Encrypted(url, front, files.ca_file)


@pytest.mark.anyio
async def test_a_server_that_proves_who_it_is_is_migrated_and_used(encrypted: Encrypted) -> None:
    settings = encrypted.settings()

    assert opening.migrate(settings)
    store = opening.open_store(settings)
    before = encrypted.front.trusted_by
    try:
        assert await store.read(_no_client) is None
    finally:
        store.close()
    assert encrypted.front.trusted_by > before > 0


def _no_client(unit: Unit) -> object:
    return unit.clients.get("no-such-client")


def test_a_server_of_another_name_is_refused(encrypted: Encrypted) -> None:
    """It has a good certificate, but not of the name that was asked for."""
    with pytest.raises(StoreUnavailable, match="did not prove who it is; check the host name"):
        opening.migrate(encrypted.settings(host="db.example.com"))

    assert encrypted.front.trusted_by == 0


def test_a_server_that_another_authority_vouches_for_is_refused(
    encrypted: Encrypted, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = local_certificate(tmp_path / "other", SYSTEM.now()).ca_file

    with pytest.raises(StoreUnavailable, match="did not prove who it is"):
        opening.open_store(encrypted.settings(root=other))

    assert encrypted.front.trusted_by == 0


def test_a_file_of_authorities_that_is_missing_is_told(
    encrypted: Encrypted, tmp_path: Path
) -> None:
    with pytest.raises(StoreUnavailable, match="check the host name and sslrootcert"):
        opening.open_store(encrypted.settings(root=tmp_path / "no-such.pem"))
