"""What can be written after `python -m flextell_sdk`."""

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from flextell_sdk.command import calling, doctor, signing, whoami
from flextell_sdk.command.exits import MEANINGS
from flextell_sdk.command.place import PROGRAM
from flextell_sdk.grants import DEFAULT_NAME
from flextell_sdk.loopback import ANY_PORT, WAIT_SECONDS
from flextell_sdk.stores.file import default_folder

EXAMPLES = f"""
examples:
  {PROGRAM} sign-in --app app.json
  {PROGRAM} sign-in --issuer https://id.example.com --client-id ID
  {PROGRAM} call GET /v1/customers --query limit=10
  curl -H "Authorization: Bearer $({PROGRAM} token)" ...

exit codes:
"""


def parser() -> ArgumentParser:
    """Every command and every option."""
    codes = "\n".join(f"  {code:<5}{meaning}" for code, meaning in MEANINGS.items())
    every = ArgumentParser(
        prog=PROGRAM,
        description="Sign in once, then use the API from a shell.",
        epilog=EXAMPLES + codes,
        formatter_class=RawDescriptionHelpFormatter,
    )
    every.add_argument(
        "--version", action="version", version=f"flextell-sdk {version('flextell-sdk')}"
    )
    commands = every.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (run, add_options) in COMMANDS.items():
        one = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        one.set_defaults(run=run)
        add_options(one)
        _add_place(one)
    return every


def _add_place(one: ArgumentParser) -> None:
    one.add_argument(
        "--name",
        default=DEFAULT_NAME,
        help="which of several sign-ins; any text  [default: %(default)s]",
    )
    one.add_argument(
        "--folder",
        type=_folder,
        default=default_folder(),
        metavar="DIR",
        help="where tokens are kept  [default: %(default)s]",
    )


def _add_sign_in(one: ArgumentParser) -> None:
    app = one.add_argument_group("the app", "what is left out is as the last time")
    app.add_argument(
        "--app",
        type=Path,
        metavar="FILE",
        help="JSON as `flextell apps create --json` prints it, perhaps with the issuer",
    )
    app.add_argument("--issuer", metavar="URL", help="address of the authorization server")
    app.add_argument("--client-id", metavar="ID", help="as registered there")
    app.add_argument(
        "--client-secret-file",
        type=Path,
        metavar="FILE",
        help="if it has one; only you may read it",
    )
    app.add_argument("--scope", help='what to ask for, as in "account:read customers:read"')
    app.add_argument(
        "--redirect-uri", metavar="URI", help=f"as registered there  [default: {ANY_PORT}]"
    )
    app.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="PEM certificates to trust, not the system's"
    )
    one.add_argument(
        "--no-browser",
        action="store_true",
        help="only print the address; a browser elsewhere reaches this machine through "
        "ssh -L PORT:127.0.0.1:PORT, with the port of --redirect-uri",
    )
    one.add_argument(
        "--anew", action="store_true", help="also if somebody is signed in, such as another person"
    )
    one.add_argument(
        "--wait",
        type=_seconds,
        default=WAIT_SECONDS,
        metavar="SECONDS",
        help="how long to wait for the browser  [default: %(default)g]",
    )


def _add_sign_out(one: ArgumentParser) -> None:
    one.add_argument(
        "--forget",
        action="store_true",
        help="forget tokens and app on this machine, without a word to the server",
    )


def _add_call(one: ArgumentParser) -> None:
    one.add_argument("method", type=str.upper, choices=calling.METHODS, metavar="METHOD")
    one.add_argument(
        "path", type=calling.path_of, metavar="PATH", help="after the API's address: /v1/customers"
    )
    one.add_argument(
        "--query", action="append", default=[], type=calling.parameter, metavar="NAME=VALUE"
    )
    one.add_argument(
        "--data", type=calling.json_in, metavar="JSON", help="the body: JSON, @FILE, or - for stdin"
    )
    one.add_argument("--tenant", type=int, metavar="ID", help="the tenant to act in")
    one.add_argument(
        "--idempotency-key", default="", metavar="KEY", help="makes any METHOD safe to repeat"
    )


def _add_whoami(one: ArgumentParser) -> None:
    one.add_argument("--json", action="store_true", help="for scripts")


def _add_nothing(one: ArgumentParser) -> None:
    """Some commands have no options of their own."""


COMMANDS: dict[str, tuple[Callable[..., int], Callable[[ArgumentParser], None]]] = {
    "sign-in": (signing.sign_in, _add_sign_in),
    "token": (calling.token, _add_nothing),
    "call": (calling.call, _add_call),
    "whoami": (whoami.whoami, _add_whoami),
    "sign-out": (signing.sign_out, _add_sign_out),
    "doctor": (doctor.doctor, _add_nothing),
}


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ArgumentTypeError("write a number of seconds above 0")
    return seconds
