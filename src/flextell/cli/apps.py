"""`flextell apps`: the applications that may ask people for access."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flextell.cli.answers import answer, count, fields, table, when
from flextell.cli.ending import end_all
from flextell.cli.opened import opened, sentences
from flextell.cli.options import Database, DataDir, Json, settings_from
from flextell.exits import ExitCode, ExitError
from flextell.sources import SYSTEM

if TYPE_CHECKING:
    from flextell.oauth.model import Client
    from flextell.store.port import Unit

commands = typer.Typer(
    help="The applications that may ask people for access.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ClientId = Annotated[
    str, typer.Argument(help="The client_id of the application.", metavar="CLIENT_ID")
]
KEEP_IT = "Keep the client_secret now: it is not shown again."


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.add_typer(commands, name="apps")


@commands.command()
def create(
    name: Annotated[str, typer.Option(help="What people will read: 1 to 80 characters.")],
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(
            help="Where people are sent back to, compared as exact text; may be repeated.",
            metavar="URI",
        ),
    ] = None,
    scope: Annotated[
        str,
        typer.Option(help="All it may ever ask for, and what it gets if it asks for nothing."),
    ] = "",
    publisher: Annotated[str, typer.Option(help="Who makes it.")] = "",
    homepage_url: Annotated[
        str, typer.Option(help="Its home page, an https URL.", metavar="URL")
    ] = "",
    public: Annotated[
        bool,
        typer.Option("--public", help="It cannot keep a secret (phone, browser): PKCE instead."),
    ] = False,
    require_pkce: Annotated[
        bool, typer.Option("--require-pkce", help="It must use PKCE although it has a secret.")
    ] = False,
    introspect: Annotated[
        bool,
        typer.Option(
            "--introspect",
            help="It is an API too: it may ask about any token and hear of all revoked ones.",
        ),
    ] = False,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Register an application and print its id and its secret, this once.

    \b
    Examples:
      flextell apps create --name Photos --redirect-uri https://photos.example.com/callback \\
          --scope "account:read customers:read" --json
      flextell apps create --name Phone --redirect-uri com.example.phone://callback \\
          --scope customers:read --public
    """
    from flextell.oauth.registration import Wish, new_client

    wish = Wish(
        name=name,
        redirect_uris=tuple(redirect_uri or ()),
        scope=scope,
        public=public,
        require_pkce=require_pkce,
        may_introspect=introspect,
        publisher=publisher,
        homepage_url=homepage_url,
    )
    settings = settings_from(data_dir=data_dir, database=database)
    with sentences(settings):
        registered = new_client(wish, SYSTEM.random, SYSTEM.now())
    with opened(settings, make=True) as store:
        store.at_once(lambda unit: unit.clients.add(registered.client))
    value = described(registered.client)
    value = {"client_id": value["client_id"], "client_secret": registered.secret, **value}
    note = f"\n\n{KEEP_IT}" if registered.secret else ""
    answer(value, fields(value) + note, as_json)


@commands.command("create-docs")
def create_docs(
    issuer: Annotated[
        str | None,
        typer.Option(help="Public https URL of the server. [FLEXTELL_ISSUER]", metavar="URL"),
    ] = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Register the application of the page /docs, where people try the API.

    It has no secret. The server uses it when FLEXTELL_DOCS_CLIENT_ID is its client_id.

    \b
    Examples:
      flextell apps create-docs --issuer https://id.example.com
      flextell apps create-docs --issuer https://id.example.com --json
    """
    from flextell.cli.reference_app import reference_app_of

    settings = settings_from(data_dir=data_dir, database=database, issuer=issuer)
    if not settings.issuer:
        raise ExitError("Name the server's address with --issuer.", ExitCode.USAGE)
    with opened(settings, make=True) as store:
        client = store.at_once(lambda unit: reference_app_of(unit, settings.issuer))
    value = described(client)
    note = f"\n\nServe with FLEXTELL_DOCS_CLIENT_ID={client.client_id}"
    answer(value, fields(value) + note, as_json)


@commands.command("list")
def list_apps(data_dir: DataDir = None, database: Database = None, as_json: Json = False) -> None:
    """List every application, oldest first.

    \b
    Examples:
      flextell apps list
      flextell apps list --json
    """
    with opened(settings_from(data_dir=data_dir, database=database)) as store:
        clients = store.at_once(lambda unit: unit.clients.all())
    values = [described(client) for client in clients]
    rows = [(v["client_id"], v["name"], v["scope"], when(v["created_at"])) for v in values]
    table(("CLIENT_ID", "NAME", "SCOPE", "CREATED"), rows, as_json, values)


@commands.command()
def show(
    client_id: ClientId, data_dir: DataDir = None, database: Database = None, as_json: Json = False
) -> None:
    """Show one application; its secret cannot be shown, for it is not kept.

    \b
    Examples:
      flextell apps show 0199d3a4-5b7e-7c21-9a40-3f1de2b8c764
      flextell apps show 0199d3a4-5b7e-7c21-9a40-3f1de2b8c764 --json
    """
    with opened(settings_from(data_dir=data_dir, database=database)) as store:
        value = described(store.at_once(lambda unit: find(unit, client_id)))
    answer(value, fields({**value, "created_at": when(value["created_at"])}), as_json)


@commands.command("rotate-secret")
def rotate_secret(
    client_id: ClientId, data_dir: DataDir = None, database: Database = None, as_json: Json = False
) -> None:
    """Give an application a new secret and print it, this once; the old one is void at once.

    \b
    Examples:
      flextell apps rotate-secret 0199d3a4-5b7e-7c21-9a40-3f1de2b8c764
      flextell apps rotate-secret 0199d3a4-5b7e-7c21-9a40-3f1de2b8c764 --json
    """
    from flextell.oauth.registration import SECRET_RANDOM_BYTES, new_secret

    fresh = new_secret(SYSTEM.random(SECRET_RANDOM_BYTES))

    def work(unit: "Unit") -> None:
        if not find(unit, client_id).confidential:
            raise ExitError("This application is public: it has no secret.", ExitCode.CONFLICT)
        unit.clients.replace_secret(client_id, fresh.digest)

    with opened(settings_from(data_dir=data_dir, database=database)) as store:
        store.at_once(work)
    value = {"client_id": client_id, "client_secret": fresh.text}
    answer(value, f"{fields(value)}\n\n{KEEP_IT}", as_json)


@commands.command()
def delete(
    client_id: ClientId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Delete an application; all access that people gave it ends at once.

    \b
    Examples:
      flextell apps delete 0199d3a4-5b7e-7c21-9a40-3f1de2b8c764
      flextell apps delete 0199d3a4-5b7e-7c21-9a40-3f1de2b8c764 --yes --json
    """

    def work(unit: "Unit") -> int:
        now = SYSTEM.now()
        if not unit.clients.delete(client_id, now):
            raise _unknown()
        unit.codes.forget(client_id=client_id)
        return end_all(unit, unit.grants.living(client_id=client_id), "client_deleted", now)

    with opened(settings_from(data_dir=data_dir, database=database)) as store:
        client = store.at_once(lambda unit: find(unit, client_id))
        if not yes:
            _confirm(client)
        ended = store.at_once(work)
    answer(
        {"client_id": client_id, "deleted": True, "ended_grants": ended},
        f"{client.name} is deleted; {count(ended, 'grant')} ended.",
        as_json,
    )


def _confirm(client: "Client") -> None:
    if not sys.stdin.isatty():
        raise ExitError("Add --yes to delete without being asked.", ExitCode.USAGE)
    typer.confirm(f"Delete {client.name} and end all its access?", abort=True, err=True)


def find(unit: "Unit", client_id: str) -> "Client":
    """The application. Raises ExitError (NOT_FOUND)."""
    client = unit.clients.get(client_id)
    if client is None:
        raise _unknown()
    return client


def _unknown() -> ExitError:
    return ExitError("No application has this client_id.", ExitCode.NOT_FOUND)


def described(client: "Client") -> dict[str, Any]:
    """An application as JSON, without its secret; times in seconds since the epoch."""
    from flextell.oauth import scopes

    return {
        "client_id": client.client_id,
        "name": client.name,
        "publisher": client.publisher,
        "homepage_url": client.homepage_url,
        "redirect_uris": list(client.redirect_uris),
        "scope": scopes.text(client.scopes),
        "public": not client.confidential,
        "require_pkce": client.require_pkce,
        "introspect": client.may_introspect,
        "created_at": client.created_at,
    }
