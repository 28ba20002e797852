"""How a command ends: the code for a script, and the sentence for a person."""

import ssl
from collections.abc import Mapping
from enum import IntEnum

from flextell_sdk.command.place import AppUnreadable
from flextell_sdk.errors import (
    AppFileError,
    FlextellError,
    InsufficientScope,
    SignInAgain,
    SignInError,
    StoreDamaged,
    StoreError,
    Unreachable,
)


class ExitCode(IntEnum):
    """What the number means that a command leaves with."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    SIGN_IN = 3
    UNREACHABLE = 4
    STORE = 5
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "Done.",
    ExitCode.REFUSED: "The API or the server refused, or answered what cannot be used.",
    ExitCode.USAGE: "The command line or a file that it names is wrong.",
    ExitCode.SIGN_IN: "Nobody is signed in (any more): sign in.",
    ExitCode.UNREACHABLE: "The server gave no answer.",
    ExitCode.STORE: "What is kept on this machine cannot be read or written.",
    ExitCode.INTERRUPTED: "Ended by Ctrl-C.",
}


class UsageError(FlextellError):
    """What was asked for makes no sense as it was written."""


_CODES: Mapping[type[FlextellError], ExitCode] = {
    SignInAgain: ExitCode.SIGN_IN,
    SignInError: ExitCode.SIGN_IN,
    Unreachable: ExitCode.UNREACHABLE,
    StoreError: ExitCode.STORE,
    AppFileError: ExitCode.USAGE,
    UsageError: ExitCode.USAGE,
}


def code_of(problem: FlextellError) -> ExitCode:
    """The code that a command leaves with because of this."""
    return next(
        (code for kind, code in _CODES.items() if isinstance(problem, kind)), ExitCode.REFUSED
    )


def sentence_of(problem: FlextellError, sign_in: str) -> str:
    """What to print; `sign_in` is the command that mends many a problem."""
    match problem:
        case SignInAgain():
            return f"{problem.why[:1].upper()}{problem.why[1:]} Sign in: {sign_in}"
        case InsufficientScope() if problem.scopes:
            return f"{problem} Allow it: {sign_in} --scope {problem.scopes[0]}"
        case AppUnreadable():
            return f"{problem} Or name it again: {sign_in} --app FILE"
        case StoreDamaged():
            return f"{problem} Sign in anew: {sign_in} --anew"
        case _ if is_about_trust(problem):
            return f"{problem} Say which authority to trust: {sign_in} --ca-file FILE"
    return str(problem)


def is_about_trust(problem: FlextellError) -> bool:
    """Whether it comes from a certificate that this machine does not trust."""
    return isinstance(problem.__cause__, ssl.SSLCertVerificationError)
