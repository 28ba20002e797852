"""The command `flextell`: its tree of commands, and how every one of them ends.

Loaded for each `--help`, so what is heavy is imported by the commands that use it.
"""

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from flextell.cli import (
    apps,
    backup,
    channels,
    demo,
    doctor,
    keys,
    restore,
    serve,
    settings,
    tokens,
    users,
)
from flextell.cli.answers import complain
from flextell.exits import MEANINGS, ExitCode, ExitError

# What a shell reports of a program that a signal ended: 128 and the signal's number.
INTERRUPTED = 130
READER_LEFT = 141

HELP = f"""Let third-party applications act for a person, safely.

Every command has examples in its own help: flextell users create --help

\b
Settings:
  Each setting is an environment variable, FLEXTELL_ and its name in capitals;
  `flextell settings` lists them. An option wins over the environment.

\b
Exit codes:
{chr(10).join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())}
  {INTERRUPTED}  Interrupted, or not confirmed.
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
serve.register(app)
demo.register(app)
doctor.register(app)
backup.register(app)
restore.register(app)
settings.register(app)
users.register(app)
apps.register(app)
channels.register(app)
keys.register(app)
tokens.register(app)


def main() -> None:
    """Run the command that the process was started with, and leave with its exit code."""
    # What a command writes holds secrets, or stands beside some.
    os.umask(0o077)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; say with which code the process should leave. Raises nothing."""
    as_json = "--json" in arguments
    try:
        code = app(list(arguments), prog_name="flextell", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else ExitCode.OK
    except ExitError as error:
        complain(error.sentence, error.code, as_json)
        return error.code
    except typer.TyperException as error:
        complain(error.format_message(), ExitCode.USAGE, as_json)
        return ExitCode.USAGE
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # What is still buffered has nowhere to go; without this Python complains when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    except Exception as bug:  # noqa: BLE001 - nothing above us would say it in one sentence
        if not as_json:
            traceback.print_exc()
        complain(f"{MEANINGS[ExitCode.BUG]} ({type(bug).__name__})", ExitCode.BUG, as_json)
        return ExitCode.BUG
