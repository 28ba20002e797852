"""`flextell backup`: an instance in one encrypted file, while it serves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flextell.cli.answers import answer, count, fields, when
from flextell.cli.opened import opened, ready_folder, sentences
from flextell.cli.options import Database, DataDir, Json, settings_from
from flextell.cli.passwords import read_passphrase
from flextell.cli.progress import bar
from flextell.exits import ExitCode, ExitError
from flextell.sources import SYSTEM

if TYPE_CHECKING:
    from flextell.backup.contents import Description
    from flextell.backup.kept_files import FileCounts
    from flextell.settings import Settings

PassphraseStdin = Annotated[
    bool, typer.Option("--passphrase-stdin", help="Read the passphrase from standard input.")
]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="Read the passphrase from this file.", metavar="FILE")
]
NOT_OURS = (
    "PostgreSQL has tools of its own for that, see docs/guides/backup.md; --keys-only backs up "
    "what it does not hold, the keys."
)


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command("backup")(backup)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE")],
    passphrase_stdin: PassphraseStdin = False,
    passphrase_file: PassphraseFile = None,
    keys_only: Annotated[
        bool,
        typer.Option(
            "--keys-only", help="Without the database and the files; works for PostgreSQL too."
        ),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over FILE if it is there.")
    ] = False,
    scratch_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where a copy of the database finds room meanwhile. [the data directory]",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Write all that this server needs into one encrypted file, also while it is running.

    That is the database as it is at this moment, the uploaded files that it names, the master key,
    and the local certificate. Without the passphrase nobody can use the file, and you neither: keep
    it elsewhere.

    \b
    Examples:
      flextell backup /backup/flextell.backup
      flextell backup /backup/monday.backup --passphrase-file /etc/flextell/passphrase --json
      flextell backup keys.backup --keys-only --database postgresql://flextell@db.example.com/flextell
    """
    settings = settings_from(data_dir=data_dir, database=database)
    ready_folder(settings.data_dir, make=False)
    if file.exists() and not replace:
        raise ExitError(
            f"The file {file} is there already; name another one, or add --replace.",
            ExitCode.CONFLICT,
        )
    if not keys_only:
        _check_is_ours(settings)
    passphrase = read_passphrase(passphrase_stdin, passphrase_file, new=True)
    with backup_sentences(settings, file, "written"), bar(as_json) as report:
        from flextell.backup import taking
        from flextell.store.opening import database_url

        sealing = taking.Sealing(file, passphrase, SYSTEM)
        if keys_only:
            with opened(settings) as store:
                records = store.at_once(lambda unit: unit.signing_keys.all())
            taken = taking.back_up_keys(settings, records, sealing, report)
        else:
            path = Path(database_url(settings).database or "")
            scratch = scratch_dir or settings.data_dir
            taken = taking.back_up_everything(settings, path, scratch, sealing, report)
    told = described(taken.description, taken.files)
    value = {"file": str(file), "bytes": file.stat().st_size, **told}
    answer(value, fields(value | {"made_at": when(taken.description.made_at)}), as_json)
    tell_lost(taken.files)


def _check_is_ours(settings: "Settings") -> None:
    """Raises ExitError unless the database is an SQLite file that is there."""
    from flextell.store.opening import database_url

    with sentences(settings):
        url = database_url(settings)
    if url.get_backend_name() != "sqlite":
        raise ExitError(NOT_OURS, ExitCode.USAGE)
    if not Path(url.database or "").exists():
        raise ExitError("There is no database yet: nothing to back up.", ExitCode.NOT_FOUND)


def described(description: "Description", files: "FileCounts") -> dict[str, Any]:
    """What a backup says of itself, and how many files it has, as JSON; times in seconds since the
    epoch."""
    from dataclasses import asdict

    counts = {f"files_{name}": count for name, count in asdict(files).items()}
    return asdict(description) | counts


def tell_lost(files: "FileCounts") -> None:
    """Say on standard error if the backup could not have the bytes of every file."""
    if files.lost:
        typer.echo(
            f"The bytes of {count(files.lost, 'file')} that nobody deleted are not in the backup: "
            "they are missing from the folder of files, or are not those that were sent. Look for "
            "them in an older backup.",
            err=True,
        )


@contextmanager
def backup_sentences(settings: "Settings", file: Path, done: str) -> Iterator[None]:
    """Turn what can go wrong with a backup into ExitError; `done`: what cannot be done with it."""
    import sqlite3

    from flextell.backup.sealed_stream import BackupProblem, Conflict
    from flextell.store.sqlite import translate

    try:
        with sentences(settings):
            try:
                yield
            except sqlite3.Error as error:
                raise (translate(error) or error) from error
    except Conflict as error:
        raise ExitError(str(error), ExitCode.CONFLICT) from error
    except BackupProblem as error:
        raise ExitError(str(error), ExitCode.BACKUP) from error
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ExitError(
            f"The backup {file} cannot be {done} ({reason}).", ExitCode.BACKUP
        ) from error
