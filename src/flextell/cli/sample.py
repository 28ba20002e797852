"""What `flextell demo` keeps in its folder: a person, a business, and two apps with secrets.

Ids and secrets are on disk before the database knows them, and whatever of it is missing is
made again, so that a demo that was interrupted, or begun long ago, goes on.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from flextell.accounts import passwords
from flextell.accounts.model import Person
from flextell.cli.sample_business import open_business
from flextell.cli.users import new_subject
from flextell.files import PRIVATE, write_atomically
from flextell.oauth import scopes
from flextell.oauth.model import Client, digest_of
from flextell.oauth.registration import (
    ID_RANDOM_BYTES,
    SECRET_RANDOM_BYTES,
    Wish,
    new_client,
    new_secret,
    uuid7,
)
from flextell.sources import SYSTEM
from flextell.store.port import Store, Unit

FILE = "demo.json"
EMAIL = "alice@example.com"
NAME = "Alice"
SCOPE = "account:read customers:read"

# Photos may move to another of these ports when one is taken; redirect URIs are exact text.
PHOTOS_PORTS = range(9443, 9453)
# RFC 8252 §7.3: a loopback address may be sent back to on any port.
TERMINAL_PATH = "/callback"
TERMINAL_REDIRECT = f"http://127.0.0.1{TERMINAL_PATH}"
# So that its command can say who is signed in.
TERMINAL_SCOPE = f"openid {SCOPE}"


@dataclass(frozen=True, slots=True)
class Sample:
    """Who can sign in, and as what the apps are known."""

    email: str
    password: str = field(repr=False)
    photos_client_id: str
    terminal_client_id: str


def prepare(folder: Path, store: Store) -> Sample:
    """The sample of this folder, made if need be. Raises OSError, StoreUnavailable."""
    sample = _known(folder / FILE) or _new(folder / FILE)
    apps = (
        _app(sample.photos_client_id, secret_in(photos_secret_file(folder)), _photos()),
        _app(sample.terminal_client_id, secret_in(terminal_secret_file(folder)), _terminal()),
    )
    store.at_once(lambda unit: _complete(unit, sample, apps, SYSTEM.now()))
    return sample


def photos_secret_file(folder: Path) -> Path:
    """Where Photos reads its secret from."""
    return folder / "photos-secret"


def terminal_secret_file(folder: Path) -> Path:
    """Where the curl lines read Terminal's secret from."""
    return folder / "terminal-secret"


def terminal_app_file(folder: Path) -> Path:
    """Where the SDK's command reads all that Terminal knows of itself."""
    return folder / "terminal-app.json"


def write_terminal_app(
    folder: Path, store: Store, sample: Sample, issuer: str, ca_file: Path
) -> None:
    """Write that file anew, for the server may have another address each time. Raises OSError."""
    app = {
        "issuer": issuer,
        "client_id": sample.terminal_client_id,
        "client_secret": secret_in(terminal_secret_file(folder)),
        "redirect_uri": TERMINAL_REDIRECT,
        "scope": store.at_once(lambda unit: _terminal_scope(unit, sample)),
        "ca_file": str(ca_file),
    }
    content = json.dumps(app, indent=2).encode()
    write_atomically(terminal_app_file(folder), content, PRIVATE)


def _known(file: Path) -> Sample | None:
    try:
        return Sample(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _new(file: Path) -> Sample:
    letters = new_secret(SYSTEM.random(SECRET_RANDOM_BYTES)).text.lower()
    password = "-".join(letters[start : start + 5] for start in range(0, 20, 5))
    sample = Sample(EMAIL, password, _new_id(), _new_id())
    write_atomically(file, json.dumps(asdict(sample), indent=2).encode(), PRIVATE)
    return sample


def _new_id() -> str:
    return uuid7(SYSTEM.now(), SYSTEM.random(ID_RANDOM_BYTES))


def secret_in(file: Path) -> str:
    """The secret in the file; a new one if there is none yet."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        secret = new_secret(SYSTEM.random(SECRET_RANDOM_BYTES)).text
        write_atomically(file, secret.encode(), PRIVATE)
        return secret


def _photos() -> Wish:
    return Wish(
        name="Photos",
        publisher="The Photos people",
        redirect_uris=tuple(f"https://localhost:{port}/callback" for port in PHOTOS_PORTS),
        scope=SCOPE,
    )


def _terminal() -> Wish:
    return Wish(
        name="Terminal",
        publisher="You, with curl",
        redirect_uris=(TERMINAL_REDIRECT,),
        scope=TERMINAL_SCOPE,
        require_pkce=True,
    )


def _terminal_scope(unit: Unit, sample: Sample) -> str:
    """What it may ask for: less than today, in a demo that was begun long ago."""
    client = unit.clients.get(sample.terminal_client_id)
    return scopes.text(client.scopes) if client else TERMINAL_SCOPE


def _app(client_id: str, secret: str, wish: Wish) -> Client:
    client = new_client(wish, SYSTEM.random, SYSTEM.now()).client
    return replace(client, client_id=client_id, secret_digest=digest_of(secret))


def _complete(unit: Unit, sample: Sample, apps: tuple[Client, ...], now: int) -> None:
    """Add to the database what it lacks of the sample."""
    person = _person(unit, sample, now)
    if not unit.tenants.memberships(person.subject):
        open_business(unit, person.person_id, now)
    for app in apps:
        known = unit.clients.get(app.client_id)
        if known is None:
            unit.clients.add(app)
        elif known.secret_digest != app.secret_digest and app.secret_digest is not None:
            unit.clients.replace_secret(app.client_id, app.secret_digest)


def _person(unit: Unit, sample: Sample, now: int) -> Person:
    person = unit.people.by_email(sample.email)
    if person is None:
        return unit.people.add(
            subject=new_subject(),
            email=sample.email,
            name=NAME,
            password_hash=passwords.new_hash(sample.password),
            now=now,
        )
    if not passwords.check(sample.password, person.password_hash).right:
        unit.people.set_password_hash(person.person_id, passwords.new_hash(sample.password))
    return person
