"""Where a command takes a secret from: never an option, which other users of a machine can see."""

import sys
from pathlib import Path

import typer

from flextell.exits import ExitCode, ExitError

# Far above the longest password or token; a wrong file is not read whole.
MOST_BYTES = 64 * 1024
LEAST_PASSPHRASE_CHARACTERS = 12


def read_new_password(from_stdin: bool, file: Path | None) -> str:
    """A new password from standard input, a file, FLEXTELL_PASSWORD or the keyboard.

    One line end after it does not count. Raises ExitError (USAGE, INVALID).
    """
    if from_stdin and file is not None:
        raise ExitError("Give --password-stdin or --password-file, not both.", ExitCode.USAGE)
    if from_stdin:
        return read_stdin("password")
    if file is not None:
        return _read_file(file, "password")
    password = _from_environment()
    if password is not None:
        return password
    if not sys.stdin.isatty():
        raise ExitError(
            "No password was given: use --password-stdin, --password-file or FLEXTELL_PASSWORD.",
            ExitCode.USAGE,
        )
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed


def read_stdin(what: str) -> str:
    """The secret on standard input. Raises ExitError (INVALID)."""
    return _text(sys.stdin.buffer.read(MOST_BYTES + 1), what)


def read_passphrase(from_stdin: bool, file: Path | None, *, new: bool) -> str:
    """The passphrase of a backup from standard input, a file or the keyboard.

    A new one has a least length: whoever holds the backup can guess for as long as they like.
    Raises ExitError (USAGE, INVALID).
    """
    if from_stdin and file is not None:
        raise ExitError("Give --passphrase-stdin or --passphrase-file, not both.", ExitCode.USAGE)
    if from_stdin:
        passphrase = read_stdin("passphrase")
    elif file is not None:
        passphrase = _read_file(file, "passphrase")
    elif sys.stdin.isatty():
        passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
    else:
        raise ExitError(
            "No passphrase was given: use --passphrase-stdin or --passphrase-file.", ExitCode.USAGE
        )
    if new and len(passphrase) < LEAST_PASSPHRASE_CHARACTERS:
        raise ExitError(
            f"The passphrase must have at least {LEAST_PASSPHRASE_CHARACTERS} characters.",
            ExitCode.INVALID,
        )
    return passphrase


def _read_file(file: Path, what: str) -> str:
    try:
        with file.open("rb") as opened:
            return _text(opened.read(MOST_BYTES + 1), what)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ExitError(
            f"The {what} file {file} cannot be read ({reason}).", ExitCode.USAGE
        ) from None


def _from_environment() -> str | None:
    from pydantic import SecretStr
    from pydantic_settings import BaseSettings, SettingsConfigDict

    class Environment(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="FLEXTELL_")
        password: SecretStr | None = None

    password = Environment().password
    return password.get_secret_value() if password is not None else None


def _text(content: bytes, what: str) -> str:
    if len(content) > MOST_BYTES:
        raise ExitError(f"The {what} is too long.", ExitCode.INVALID)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ExitError(f"The {what} is not UTF-8 text.", ExitCode.INVALID) from None
    return text.removesuffix("\n").removesuffix("\r")
