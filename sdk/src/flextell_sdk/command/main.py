"""Run a command: its exit code, and one sentence instead of a traceback."""

import io
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from flextell_sdk.command.arguments import parser
from flextell_sdk.command.exits import ExitCode, code_of, sentence_of
from flextell_sdk.command.place import Means, Place
from flextell_sdk.command.printing import complain
from flextell_sdk.errors import FlextellError
from flextell_sdk.sources import SYSTEM

SILENT_SECONDS = 2.0
WAITING = "No answer so far; asking again for a while. Press Ctrl-C to end."


def main(arguments: Sequence[str] | None = None, means: Means | None = None) -> int:
    """Run the command that the arguments name, the process's own unless they are given."""
    _print_anything()
    asked = parser().parse_args(arguments)
    means = means or Means(replace(SYSTEM, pause=Patient().pause))
    at = Place(asked.folder, asked.name, means)
    try:
        code: ExitCode = asked.run(asked, at)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except FlextellError as problem:
        complain(sentence_of(problem, at.command("sign-in")))
        return code_of(problem)
    except BrokenPipeError:
        # The reader has gone, as `head` does.
        _print_nothing_more()
        return ExitCode.OK
    except OSError as problem:
        complain(f"The system does not allow it: {problem.strerror}.")
        _print_nothing_more()
        return ExitCode.REFUSED
    return code


class Patient:
    """A person who waits, and after a while wants to know for what."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def pause(self, seconds: float) -> None:
        """Wait before the server is asked again."""
        before, self._seconds = self._seconds, self._seconds + seconds
        if before < SILENT_SECONDS <= self._seconds:
            complain(WAITING)
        SYSTEM.pause(seconds)


def _print_anything() -> None:
    """Also what this terminal has no letters for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _print_nothing_more() -> None:
    """At its end Python writes once more what it could not write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
