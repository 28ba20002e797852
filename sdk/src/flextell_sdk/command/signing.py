"""`sign-in` and `sign-out`: the app that asks, and the person at this machine."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from flextell_sdk.app import App
from flextell_sdk.command.exits import ExitCode, UsageError
from flextell_sdk.command.place import Place
from flextell_sdk.command.printing import print_line
from flextell_sdk.errors import ServerMisconfigured
from flextell_sdk.loopback import sign_in_here
from flextell_sdk.stores.private_files import read_private

WHICH_APP = "Say which app: --app FILE, or --issuer URL and --client-id ID."


def sign_in(asked: Namespace, at: Place) -> ExitCode:
    """Sign in by the browser, and remember as which app."""
    app = wanted_app(asked, at)
    with at.grants(app) as grants:
        grant = sign_in_here(
            app,
            at.name,
            grants=grants,
            open_browser=_open_nothing if asked.no_browser else at.means.open_browser,
            wait_seconds=asked.wait,
            anew=asked.anew,
        )
        granted = grant.tokens().scope
    # What was asked for one by one is asked for at once the next time.
    at.remember(replace(app, scope=granted if app.scope else ""))
    print_line(f"You are signed in at {app.issuer}{granted and f', for: {granted}'}")
    return ExitCode.OK


def sign_out(asked: Namespace, at: Place) -> ExitCode:
    """End what was allowed, at the server and here."""
    if asked.forget:
        return _forget(at)
    with at.grant() as grant:
        was_signed_in = grant.is_signed_in()
        grant.sign_out()
    print_line("You are signed out." if was_signed_in else "Nobody was signed in.")
    return ExitCode.OK


def wanted_app(asked: Namespace, at: Place) -> App:
    """The app that the options describe; what they leave out is as it was remembered.

    Raises AppFileError, UsageError, StoreError.
    """
    changes = _changes(asked)
    try:
        app = _app(asked, at, changes)
        app.trust()
    except ServerMisconfigured as problem:
        raise UsageError(str(problem)) from problem
    return app


def _app(asked: Namespace, at: Place, changes: dict[str, Any]) -> App:
    if asked.app is not None:
        return App.from_file(asked.app, **changes)
    if "issuer" in changes and "client_id" in changes:
        return App(**changes)
    # Another server must not get the secret that was meant for the one that is remembered.
    remembered = None if "issuer" in changes or "client_id" in changes else at.recall()
    if remembered is None:
        raise UsageError(WHICH_APP)
    return replace(remembered, **changes)


def _changes(asked: Namespace) -> dict[str, Any]:
    options = ("issuer", "client_id", "redirect_uri", "scope")
    changes = {name: getattr(asked, name) for name in options if getattr(asked, name) is not None}
    if asked.ca_file is not None:
        changes["ca_file"] = asked.ca_file.absolute()
    if asked.client_secret_file is not None:
        changes["client_secret"] = _secret_in(asked.client_secret_file)
    return changes


def _secret_in(file: Path) -> str:
    content = read_private(file.resolve())
    if content is None:
        raise UsageError(f"{file} is not there.")
    return content.decode("utf-8", "replace").strip()


def _forget(at: Place) -> ExitCode:
    """Leave nothing here, also where it cannot be read any more."""
    try:
        with at.grant() as grant:
            grant.forget()
    finally:
        at.forget()
    print_line("The tokens and the app are forgotten on this machine.")
    return ExitCode.OK


def _open_nothing(url: str) -> None:
    """The person opens it, perhaps in a browser elsewhere that has a way to this port."""
