"""`flextell restore`: put a backup back, all of it or nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flextell.cli.answers import answer, count, fields, when
from flextell.cli.backup import (
    PassphraseFile,
    PassphraseStdin,
    backup_sentences,
    described,
    tell_lost,
)
from flextell.cli.options import Database, DataDir, Json, settings_from
from flextell.cli.passwords import read_passphrase
from flextell.cli.progress import bar
from flextell.exits import ExitCode, ExitError
from flextell.sources import SYSTEM

if TYPE_CHECKING:
    from flextell.backup.restoring import Restored

OWN_KEY_FILE = (
    "A restore puts the master key into the data directory, but FLEXTELL_KEY_FILE names another "
    "place; unset it, and move master.key there afterwards."
)


def register(app: typer.Typer) -> None:
    """Add this command to the tree."""
    app.command("restore")(restore)


def restore(
    file: Annotated[Path, typer.Argument(help="The backup.", metavar="FILE")],
    passphrase_stdin: PassphraseStdin = False,
    passphrase_file: PassphraseFile = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move what is in the data directory aside.")
    ] = False,
    end_all_grants: Annotated[
        bool,
        typer.Option(
            "--end-all-grants",
            help="Let nothing that was given before work any more: everybody connects again.",
        ),
    ] = False,
    data_dir: DataDir = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Put a backup into a data directory that no server uses.

    The whole backup is verified before anything is changed. What happened after it was made is
    unknown afterwards: who refreshed since must connect again, and what was revoked since works
    again, unless you say --end-all-grants. Read docs/guides/backup.md before you need it.

    \b
    Examples:
      flextell restore /backup/flextell.backup --data-dir /var/lib/flextell
      flextell restore /backup/monday.backup --data-dir /var/lib/flextell --replace \\
          --end-all-grants --passphrase-file /etc/flextell/passphrase --json
    """
    settings = settings_from(data_dir=data_dir, database=database)
    if settings.key_file is not None:
        raise ExitError(OWN_KEY_FILE, ExitCode.USAGE)
    passphrase = read_passphrase(passphrase_stdin, passphrase_file, new=False)
    with backup_sentences(settings, file, "restored"), bar(as_json) as report:
        from flextell.backup import restoring
        from flextell.backup.sealed_stream import SealedReader
        from flextell.serving import locked

        with file.open("rb") as opened:
            reader = SealedReader(opened, passphrase)
            with locked(settings.data_dir):
                restored = restoring.restore(
                    reader,
                    settings,
                    SYSTEM,
                    report,
                    replace=replace,
                    end_all_grants=end_all_grants,
                )
    value = {
        **described(restored.description, restored.files),
        "data_dir": str(settings.data_dir),
        "before": str(restored.before) if restored.before else None,
        "ended_grants": restored.ended_grants,
    }
    answer(value, _text(restored, settings.data_dir), as_json)
    tell_lost(restored.files)


def _text(restored: "Restored", data_dir: Path) -> str:
    lines = {
        "made_at": when(restored.description.made_at),
        "data_dir": data_dir,
        "files": restored.files.kept,
        "before": restored.before,
        "ended": count(restored.ended_grants, "grant"),
    }
    return fields(lines)
