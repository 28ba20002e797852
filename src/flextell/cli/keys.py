"""`flextell keys`: the keys that sign tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flextell.cli.answers import answer, fields, table, when
from flextell.cli.opened import opened
from flextell.cli.options import Database, DataDir, Json, settings_from
from flextell.sources import SYSTEM

if TYPE_CHECKING:
    from flextell.oauth.keys import KeyRecord
    from flextell.store.port import Unit

commands = typer.Typer(
    help="The keys that sign tokens.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.add_typer(commands, name="keys")


@commands.command("list")
def list_keys(data_dir: DataDir = None, database: Database = None, as_json: Json = False) -> None:
    """List the signing keys: waiting, signing, or retired until their last token has ended.

    \b
    Examples:
      flextell keys list
      flextell keys list --json
    """
    with opened(settings_from(data_dir=data_dir, database=database)) as store:
        records = store.at_once(lambda unit: unit.signing_keys.all())
    now = SYSTEM.now()
    values = [described(record, records, now) for record in records]
    rows = [(v["kid"], v["purpose"], v["algorithm"], _standing(v)) for v in values]
    table(("KID", "PURPOSE", "ALGORITHM", "STATE"), rows, as_json, values)


@commands.command()
def rotate(
    purpose: Annotated[
        Literal["access_token", "id_token"] | None,
        typer.Option(help="Only the key of this kind of token.", show_default="both"),
    ] = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Make new signing keys; the old ones stay published until their last token has ended.

    A new key is published at once and signs when everyone who keeps our key set has fetched it.

    \b
    Examples:
      flextell keys rotate
      flextell keys rotate --purpose access_token --json
    """
    from flextell.app import open_master_key
    from flextell.node.keyring import PURPOSES, KeyMaker
    from flextell.node.keyring import rotate as add_key

    settings = settings_from(data_dir=data_dir, database=database)
    purposes = (purpose,) if purpose else PURPOSES

    with opened(settings, make=True) as store:
        maker = KeyMaker(open_master_key(settings, SYSTEM, store), settings, SYSTEM)
        now = SYSTEM.now()

        def work(unit: "Unit") -> "tuple[list[KeyRecord], list[KeyRecord]]":
            unit.signing_keys.hold()
            for record in unit.signing_keys.all():
                # Under another master key the server could not open the new key.
                maker.open(record)
            made = [add_key(unit, maker, each, now) for each in purposes]
            return made, unit.signing_keys.all()

        made, records = store.at_once(work)
    values = [described(record, records, now) for record in made]
    text = "\n\n".join(
        fields({**v, **{t: when(v[t]) for t in ("created_at", "active_from")}}) for v in values
    )
    answer(values, text, as_json)


def described(record: "KeyRecord", records: "Sequence[KeyRecord]", now: int) -> dict[str, Any]:
    """A key as JSON; times in seconds since the epoch."""
    return {
        "kid": record.kid,
        "purpose": record.purpose,
        "algorithm": record.algorithm,
        "state": state_of(record, records, now),
        "created_at": record.created_at,
        "active_from": record.active_from,
        "published_until": record.published_until,
    }


def state_of(record: "KeyRecord", records: "Sequence[KeyRecord]", now: int) -> str:
    """Where a key stands among all: waiting, signing, retired (still published) or ended."""
    from flextell.oauth import keys

    if record.published_until is not None and record.published_until <= now:
        return "ended"
    if record.active_from > now:
        return "waiting"
    current = keys.signing(records, record.purpose, now)
    return "signing" if current == record else "retired"


def _standing(value: dict[str, Any]) -> str:
    match value["state"]:
        case "waiting":
            return f"waiting until {when(value['active_from'])}"
        case "retired":
            return f"retired until {when(value['published_until'])}"
    return str(value["state"])
