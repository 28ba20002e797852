"""`flextell tokens`: take access back by hand."""

from typing import TYPE_CHECKING, Annotated

import typer

from flextell.cli import apps, users
from flextell.cli.answers import answer, count
from flextell.cli.ending import end_all
from flextell.cli.opened import opened
from flextell.cli.options import Database, DataDir, Json, settings_from
from flextell.cli.passwords import read_stdin
from flextell.exits import ExitCode, ExitError
from flextell.sources import SYSTEM

if TYPE_CHECKING:
    from flextell.oauth.model import Grant
    from flextell.settings import Settings
    from flextell.store.port import Store, Unit

commands = typer.Typer(help="Take access back.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.add_typer(commands, name="tokens")


@commands.command()
def revoke(
    email: Annotated[
        str | None, typer.Option(help="What this person gave to apps.", metavar="EMAIL")
    ] = None,
    client_id: Annotated[
        str | None, typer.Option(help="What this app got from people.", metavar="CLIENT_ID")
    ] = None,
    token_stdin: Annotated[
        bool,
        typer.Option(
            "--token-stdin",
            help="What the access or refresh token on standard input belongs to.",
        ),
    ] = False,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """End access that was given, with every token and unused code of it, on every node.

    \b
    Examples:
      flextell tokens revoke --email alice@example.com
      flextell tokens revoke --email alice@example.com \\
          --client-id 0199d3a4-5b7e-7c21-9a40-3f1de2b8c764
      flextell tokens revoke --token-stdin --json < leaked-token.txt
    """
    if token_stdin == bool(email or client_id):
        raise ExitError(
            "Give --email, --client-id or both; or --token-stdin alone.", ExitCode.USAGE
        )
    token = read_stdin("token").strip() if token_stdin else ""
    settings = settings_from(data_dir=data_dir, database=database)

    with opened(settings) as store:
        grant_id = _grant_of_access_token(token, settings, store) if "." in token else None

        def work(unit: "Unit") -> int:
            if token_stdin:
                grants = [_grant_of_token(unit, token, grant_id)]
            else:
                grants = _grants_between(unit, email, client_id)
            return end_all(unit, grants, "revoked_by_operator", SYSTEM.now())

        ended = store.at_once(work)
    answer({"ended_grants": ended}, f"{count(ended, 'grant')} ended.", as_json)


def _grants_between(unit: "Unit", email: str | None, client_id: str | None) -> "list[Grant]":
    subject = users.find(unit, email).subject if email else None
    if client_id:
        apps.find(unit, client_id)
    # First the codes: one that is exchanged at this moment is a living grant afterwards.
    unit.codes.forget(subject=subject, client_id=client_id)
    return unit.grants.living(subject=subject, client_id=client_id)


def _grant_of_token(unit: "Unit", token: str, grant_id: str | None) -> "Grant":
    from flextell.oauth.model import digest_of

    if grant_id is None:
        presented = unit.refresh_tokens.present(digest_of(token))
        grant = presented.grant if presented else None
    else:
        grant = unit.grants.get(grant_id)
    if grant is None:
        raise ExitError("The token is not one of this server's living ones.", ExitCode.NOT_FOUND)
    return grant


def _grant_of_access_token(token: str, settings: "Settings", store: "Store") -> str | None:
    """The grant that an access token names, if one of our keys signed it: others can be forged."""
    from flextell.app import open_master_key
    from flextell.node.keyring import KeyMaker
    from flextell.oauth import access_token, jwt

    maker = KeyMaker(open_master_key(settings, SYSTEM, store), settings, SYSTEM)
    records = store.at_once(lambda unit: unit.signing_keys.all())
    try:
        parts = jwt.take_apart(token)
        key = next(maker.open(record).verifying for record in records if record.kid == parts.kid)
        claims = jwt.claims(parts, key, access_token.TYPE)
    except (jwt.MalformedToken, StopIteration):
        return None
    return str(claims["jti"]).partition(".")[0]
