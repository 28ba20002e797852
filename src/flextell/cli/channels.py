"""`flextell channels`: where tenants talk to their customers, and the webhooks behind."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flextell.cli.answers import answer, fields, table, when
from flextell.cli.opened import opened, sentences
from flextell.cli.options import Database, DataDir, Json, settings_from
from flextell.exits import ExitCode, ExitError
from flextell.sources import SYSTEM

if TYPE_CHECKING:
    from flextell.node.channel_secrets import ChannelSecrets
    from flextell.settings import Settings
    from flextell.store.port import Store, Unit
    from flextell.tenants.channels import Channel
    from flextell.tenants.webhooks import Secret

commands = typer.Typer(
    help="Where tenants talk to their customers, and the webhooks behind.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ChannelId = Annotated[int, typer.Argument(help="The number of the channel.", metavar="CHANNEL_ID")]
WebhookUrl = Annotated[
    str | None,
    typer.Option(
        "--webhook-url",
        help="Where messages to customers are delivered, an https URL.",
        metavar="URL",
        show_default=False,
    ),
]
KEEP_IT = "Keep the secret now: it is not shown again."


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.add_typer(commands, name="channels")


@commands.command()
def create(
    tenant: Annotated[int, typer.Option(help="The number of the tenant.", metavar="TENANT_ID")],
    kind: Annotated[
        Literal["whatsapp", "instagram", "website", "telegram"],
        typer.Option("--type", help="Which service it is an account of."),
    ],
    name: Annotated[str, typer.Option(help="What people will read: 1 to 80 characters.")],
    address: Annotated[str, typer.Option(help="The account: a phone number, a user name, a site.")],
    webhook_url: WebhookUrl = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Open a channel and print its number and its secret, this once.

    \b
    Examples:
      flextell channels create --tenant 1 --type website --name "Web chat" \\
          --address clinic.example --webhook-url https://clinic.example/flextell --json
    """
    from flextell.tenants.channels import ChannelWish, checked
    from flextell.tenants.model import OutsideTenant

    settings = settings_from(data_dir=data_dir, database=database)
    with sentences(settings):
        _check_url(settings, webhook_url)
        wish = checked(ChannelWish(kind, name, address, webhook_url))

    def work(unit: "Unit", secrets: "ChannelSecrets") -> "tuple[Channel, Secret]":
        now = SYSTEM.now()
        unit.within(tenant)
        try:
            channel_id = unit.channels.add(tenant, wish, now)
        except OutsideTenant:
            raise ExitError("No tenant has this number.", ExitCode.NOT_FOUND) from None
        secret = secrets.renew(unit, tenant, channel_id, None, now)
        return find(unit, channel_id), secret

    with opened(settings, make=True) as store:
        secrets = _secrets(settings, store)
        channel, secret = store.at_once(lambda unit: work(unit, secrets))
    value = described(channel)
    value = {"channel_id": value["channel_id"], "secret": secret.text, **value}
    answer(value, f"{fields(value)}\n\n{KEEP_IT}", as_json)


@commands.command("list")
def list_channels(
    tenant: Annotated[int, typer.Option(help="The number of the tenant.", metavar="TENANT_ID")],
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List the channels of a tenant, oldest first.

    \b
    Examples:
      flextell channels list --tenant 1
      flextell channels list --tenant 1 --json
    """
    with opened(settings_from(data_dir=data_dir, database=database)) as store:
        channels = store.at_once(lambda unit: _all(unit, tenant))
    values = [described(channel) for channel in channels]
    rows = [(str(v["channel_id"]), v["type"], v["name"], _standing(v)) for v in values]
    table(("CHANNEL_ID", "TYPE", "NAME", "WEBHOOK"), rows, as_json, values)


@commands.command()
def secret(
    channel_id: ChannelId,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The old one is void now, not in a day: it leaked.")
    ] = False,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Give a channel a new secret and print it, this once; the old one is good for one more day.

    \b
    Examples:
      flextell channels secret 7
      flextell channels secret 7 --at-once --json
    """

    def work(unit: "Unit", secrets: "ChannelSecrets") -> "Secret":
        channel, now = find(unit, channel_id), SYSTEM.now()
        # Under another master key the server could open neither of them.
        secrets.of(channel, now)
        old = None if at_once else channel.secret
        return secrets.renew(unit, channel.tenant_id, channel_id, old, now)

    settings = settings_from(data_dir=data_dir, database=database)
    with opened(settings) as store:
        secrets = _secrets(settings, store)
        fresh = store.at_once(lambda unit: work(unit, secrets))
    value = {"channel_id": channel_id, "secret": fresh.text}
    answer(value, f"{fields(value)}\n\n{KEEP_IT}", as_json)


@commands.command()
def webhook(
    channel_id: ChannelId,
    webhook_url: WebhookUrl = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Deliver to another URL, or to the same one again after it was switched off; without: nowhere.

    \b
    Examples:
      flextell channels webhook 7 --webhook-url https://clinic.example/flextell
      flextell channels webhook 7 --json
    """

    def work(unit: "Unit") -> "Channel":
        channel = find(unit, channel_id)
        unit.channels.set_webhook(channel.tenant_id, channel_id, webhook_url, SYSTEM.now())
        return find(unit, channel_id)

    settings = settings_from(data_dir=data_dir, database=database)
    with sentences(settings):
        _check_url(settings, webhook_url)
    with opened(settings) as store:
        value = described(store.at_once(work))
    answer(value, fields({**value, "created_at": when(value["created_at"])}), as_json)


def find(unit: "Unit", channel_id: int) -> "Channel":
    """The channel. Raises ExitError (NOT_FOUND)."""
    channel = unit.channels.by_id(channel_id)
    if channel is None:
        raise ExitError("No channel has this number.", ExitCode.NOT_FOUND)
    unit.within(channel.tenant_id)
    return channel


def described(channel: "Channel") -> dict[str, Any]:
    """A channel as JSON, without its secret; times in seconds since the epoch."""
    return {
        "channel_id": channel.channel_id,
        "tenant_id": channel.tenant_id,
        "type": channel.type,
        "name": channel.name,
        "address": channel.address,
        "webhook_url": channel.webhook_url,
        "webhook_off_at": channel.webhook_off_at,
        "active": channel.is_active,
        "created_at": channel.created_at,
    }


def _all(unit: "Unit", tenant_id: int) -> "list[Channel]":
    from flextell.tenants.channels import ChannelQuery
    from flextell.tenants.paging import MAXIMUM_SIZE, Window

    unit.within(tenant_id)
    channels: list[Channel] = []
    window = Window(MAXIMUM_SIZE, None)
    while True:
        found = unit.channels.find(tenant_id, ChannelQuery(window=window))
        channels += found.rows
        if found.next is None:
            return channels
        window = Window(MAXIMUM_SIZE, None, found.next)


def _check_url(settings: "Settings", url: str | None) -> None:
    """Raises outbound.ForbiddenTarget if nothing would ever be sent there."""
    from flextell.outbound import target_of

    if url is not None:
        target_of(url, loopback=settings.development_webhooks_to_loopback)


def _secrets(settings: "Settings", store: "Store") -> "ChannelSecrets":
    from flextell.app import open_master_key
    from flextell.node.channel_secrets import ChannelSecrets

    return ChannelSecrets(open_master_key(settings, SYSTEM, store), SYSTEM)


def _standing(value: dict[str, Any]) -> str:
    if value["webhook_off_at"] is not None:
        return f"off since {when(value['webhook_off_at'])}"
    return value["webhook_url"] or "-"
