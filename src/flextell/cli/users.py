"""`flextell users`: the people who can sign in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flextell.cli.answers import answer, count, fields, table, when
from flextell.cli.ending import end_all
from flextell.cli.opened import opened, sentences
from flextell.cli.options import Database, DataDir, Json, settings_from
from flextell.cli.passwords import read_new_password
from flextell.exits import ExitCode, ExitError
from flextell.sources import SYSTEM

if TYPE_CHECKING:
    from flextell.accounts.model import Person
    from flextell.store.port import Unit

commands = typer.Typer(
    help="The people who can sign in.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.add_typer(commands, name="users")


@commands.command()
def create(
    email: Annotated[str, typer.Option(help="Their e-mail address, with which they sign in.")],
    name: Annotated[str, typer.Option(help="What they are called.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    password_file: Annotated[
        Path | None, typer.Option(help="Read the password from this file.", metavar="FILE")
    ] = None,
    tenant: Annotated[
        str, typer.Option(help="Name of the tenant (business) made for them  [default: NAME]")
    ] = "",
    join: Annotated[
        int | None, typer.Option(help="Instead, join the tenant with this id.", metavar="ID")
    ] = None,
    role: Annotated[
        str, typer.Option(help="Their role in the tenant they join: owner, staff or viewer.")
    ] = "staff",
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Let somebody sign in, as owner of a tenant of their own or as a member of another.

    The password is asked for at the keyboard, or read from standard input, a file, or the
    environment variable FLEXTELL_PASSWORD.

    \b
    Examples:
      flextell users create --email alice@example.com --name Alice
      printf %s "$PASSWORD" | flextell users create --email alice@example.com --name Alice \\
          --password-stdin --json
      flextell users create --email bob@example.com --name Bob --join 1 --role viewer
    """
    from flextell.accounts import model, passwords
    from flextell.tenants.access import ROLES

    if role not in ROLES:
        raise ExitError(f"The role must be one of {', '.join(ROLES)}.", ExitCode.USAGE)

    settings = settings_from(data_dir=data_dir, database=database)
    with sentences(settings):
        address, called = model.check_email(email), model.check_name(name)
        business = model.check_name(tenant or called)
        password = read_new_password(password_stdin, password_file)
        passwords.check_new(password, settings.password_minimum_characters)
    password_hash = passwords.new_hash(password)

    def work(unit: "Unit") -> "tuple[Person, int]":
        now = SYSTEM.now()
        person = unit.people.add(
            subject=new_subject(),
            email=address,
            name=called,
            password_hash=password_hash,
            now=now,
        )
        if join is None:
            return person, found_tenant(unit, person, business, now)
        if not unit.tenants.exists(join):
            raise ExitError("There is no tenant with this id.", ExitCode.NOT_FOUND)
        unit.within(join)
        unit.tenants.add_member(join, person.person_id, role)
        return person, join

    with opened(settings, make=True) as store:
        person, tenant_id = store.at_once(work)
    value = {**described(person), "tenant_id": tenant_id}
    answer(value, fields(value), as_json)


def found_tenant(unit: "Unit", person: "Person", name: str, now: int) -> int:
    """Make a tenant that this person owns; its id."""
    from flextell.tenants.model import TenantDetails

    tenant_id = unit.tenants.add(TenantDetails(name), now)
    unit.within(tenant_id)
    unit.tenants.add_member(tenant_id, person.person_id, "owner")
    return tenant_id


@commands.command("list")
def list_people(data_dir: DataDir = None, database: Database = None, as_json: Json = False) -> None:
    """List everyone, oldest first.

    \b
    Examples:
      flextell users list
      flextell users list --json
    """
    with opened(settings_from(data_dir=data_dir, database=database)) as store:
        people = store.at_once(lambda unit: unit.people.all())
    rows = [
        (p.email, p.name, p.subject, when(p.created_at), "disabled" if p.disabled_at else "")
        for p in people
    ]
    table(
        ("E-MAIL", "NAME", "SUBJECT", "CREATED", ""), rows, as_json, [described(p) for p in people]
    )


@commands.command()
def disable(
    email: Annotated[str, typer.Argument(help="Their e-mail address.")],
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Shut somebody out: no sign-in, no session, and no app acts for them any more.

    \b
    Examples:
      flextell users disable alice@example.com
      flextell users disable alice@example.com --json
    """

    def work(unit: "Unit") -> "tuple[Person, int]":
        now = SYSTEM.now()
        person = find(unit, email)
        unit.people.disable(person.person_id, now)
        living = unit.grants.living(subject=person.subject)
        return person, end_all(unit, living, "person_disabled", now)

    with opened(settings_from(data_dir=data_dir, database=database)) as store:
        person, ended = store.at_once(work)
    answer(
        {**described(person), "disabled": True, "ended_grants": ended},
        f"{person.email} can no longer sign in; {count(ended, 'grant')} ended.",
        as_json,
    )


def find(unit: "Unit", email: str) -> "Person":
    """The person with this address. Raises ExitError (NOT_FOUND)."""
    from flextell.accounts.model import normalised_email

    person = unit.people.by_email(normalised_email(email))
    if person is None:
        raise ExitError("Nobody has this e-mail address.", ExitCode.NOT_FOUND)
    return person


def new_subject() -> str:
    """A stable name for a person that tells nothing about them."""
    from flextell.accounts import model

    return model.new_subject(SYSTEM.random(16))


def described(person: "Person") -> dict[str, Any]:
    """A person as JSON; times in seconds since the epoch."""
    return {
        "subject": person.subject,
        "email": person.email,
        "name": person.name,
        "created_at": person.created_at,
        "disabled": person.disabled_at is not None,
    }
