"""`doctor`: what works and what does not, and the remedy for what does not."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from flextell_sdk.auth import GrantAuth
from flextell_sdk.call import error_of
from flextell_sdk.command.exits import ExitCode, is_about_trust
from flextell_sdk.command.place import Place
from flextell_sdk.command.printing import moment, print_line
from flextell_sdk.errors import FlextellError, StoreNotPrivate, Unreachable
from flextell_sdk.grant import Grant
from flextell_sdk.patience import ONCE
from flextell_sdk.server import metadata_urls
from flextell_sdk.stores.keys import (
    IN_KEYRING,
    KEY_FILE,
    VARIABLE,
    FolderKeys,
    key_from_environment,
)
from flextell_sdk.stores.private_files import private_folder, read_private
from flextell_sdk.token_endpoint import Heard

CLOCK_SECONDS = 60.0


class Trouble(FlextellError):
    """What a check found and nothing else would raise."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question about a place. `look` says what it found; what it raises is the trouble.

    It is asked if all that it `needs` is well.
    """

    title: str
    look: Callable[[Place], str]
    remedy: str
    needs: tuple[str, ...] = ()


def doctor(asked: Namespace, at: Place) -> ExitCode:
    """Say what works and what does not, with a remedy."""
    well: set[str] = set()
    for check in CHECKS:
        if not well.issuperset(check.needs):
            _tell("-", check.title, "not tried")
            continue
        try:
            _tell("ok", check.title, check.look(at))
            well.add(check.title)
        except FlextellError as trouble:
            remedy = READ_BY_OTHERS if isinstance(trouble, StoreNotPrivate) else check.remedy
            _tell("FAILED", check.title, str(trouble))
            _tell("", "", "Remedy: " + remedy.format(sign_in=at.command("sign-in")))
    return ExitCode.OK if len(well) == len(CHECKS) else ExitCode.REFUSED


def _tell(mark: str, title: str, found: str) -> None:
    print_line(f"{mark:<8}{title:<10}{found}")


def folder(at: Place) -> str:
    """Others must not even see which files there are."""
    if not at.folder.exists():
        raise Trouble(f"{at.folder} is not there: nobody has signed in.")
    private_folder(at.folder)
    return f"{at.folder} is yours alone"


def key(at: Place) -> str:
    """Where the sealing key is, if it can be had."""
    if key_from_environment():
        return f"in the environment variable {VARIABLE}"
    kept = read_private(at.folder / KEY_FILE)
    if kept is None:
        raise Trouble("There is none yet: nobody has signed in.")
    FolderKeys(at.folder, at.means.sources).seal()
    if kept.startswith(IN_KEYRING.encode()):
        return "in the keyring of this system"
    return f"in the file {KEY_FILE} beside the tokens: whoever copies the folder has both"


def app(at: Place) -> str:
    """Which app signs in here."""
    known = at.recall()
    if known is None:
        raise Trouble("None is remembered under this name.")
    known.trust()
    return f"{known.client_id} at {known.issuer}"


def server(at: Place) -> str:
    """Whether anybody answers."""
    with at.grant() as grant:
        try:
            heard = _metadata_answer(grant)
        except FlextellError as problem:
            if is_about_trust(problem):
                return f"{grant.wire.app.issuer} listens"
            raise
    return f"{grant.wire.app.issuer} answers, with {heard.response.status_code}"


def tls(at: Place) -> str:
    """Whether its certificate is one that this machine trusts."""
    with at.grant() as grant:
        _metadata_answer(grant)
    trusted = grant.wire.app
    if trusted.issuer.startswith("http:"):
        return "none: plain HTTP on this machine, for development"
    return f"trusted, by {trusted.ca_file or 'the authorities of this system'}"


def metadata(at: Place) -> str:
    """Whether the server describes itself soundly."""
    with at.grant() as grant:
        found = grant.wire.server()
    return f"sound; tokens come from {found.token_endpoint}"


def clock(at: Place) -> str:
    """Whether this machine knows what time it is."""
    with at.grant() as grant:
        _metadata_answer(grant)
        offset = grant.wire.clock_offset
    found = f"{abs(offset):.0f} s {'behind' if offset > 0 else 'ahead of'} the server's"
    if abs(offset) > CLOCK_SECONDS:
        raise Trouble(f"The clock of this machine is {found}.")
    return found if abs(offset) >= 1.0 else "as the server's"


def tokens(at: Place) -> str:
    """Whether there are any that can be used, or exchanged for such."""
    known = at.recall()
    kept = None if known is None else at.kept(known)
    if kept is None or kept.ended:
        raise Trouble(f"There are none: {kept.ended if kept else 'nobody has signed in.'}")
    if kept.expires_at is None:
        return "there; the server did not say how long they are good"
    is_over = kept.expires_at <= at.means.sources.now() + kept.clock_offset
    if is_over and kept.refresh_token is None:
        raise Trouble("They are over, and the server gave nothing to renew them with.")
    then = "over since {}, renewed when they are used" if is_over else "good until {}"
    return then.format(moment(kept.expires_at))


def api(at: Place) -> str:
    """Whether the API takes the token."""
    with at.grant() as grant:
        wire = grant.wire
        try:
            response = wire.http().get(wire.app.api_url, auth=GrantAuth(grant))
        except httpx2.RequestError as problem:
            raise Unreachable(f"No answer from {wire.app.api_url}: {problem!r}") from problem
    if response.status_code == 401 or response.is_server_error:
        raise error_of(response, wire.server_now())
    return f"{wire.app.api_url} answers, with {response.status_code}"


def _metadata_answer(grant: Grant) -> Heard:
    """Raises Unreachable at the first try that fails: nobody wants to wait for a doctor."""
    url = metadata_urls(grant.wire.app.issuer)[0]
    return grant.wire.ask(httpx2.Request("GET", url), lambda heard: heard, ONCE)


READ_BY_OTHERS = "Do so; if somebody may have read it, sign in anew: {sign_in} --anew"

CHECKS = (
    Check("Folder", folder, "Sign in: {sign_in}"),
    Check("Key", key, "Bring the key back, or sign in anew: {sign_in} --anew", ("Folder",)),
    Check("App", app, "Name it again: {sign_in} --app FILE", ("Key",)),
    Check("Server", server, "See that the address is right and the server runs.", ("App",)),
    Check("TLS", tls, "Say which authority to trust: {sign_in} --ca-file FILE", ("Server",)),
    Check("Metadata", metadata, "Tell whoever runs the server.", ("TLS",)),
    Check("Clock", clock, "Set it; meanwhile the SDK goes by the server's.", ("TLS",)),
    Check("Tokens", tokens, "Sign in: {sign_in}", ("App",)),
    Check("API", api, "Try again later, or tell whoever runs the API.", ("Tokens", "Metadata")),
)
