"""What files outside Python say of Flextell: do its variables and its commands exist?"""

from collections.abc import Iterable

from typer.main import get_command

from flextell import cli
from flextell.settings import unknown_variables


def known_variables(names: Iterable[str]) -> bool:
    """Whether each of these FLEXTELL_ variables is a setting, spelt as the documentation does."""
    ours = [name for name in names if name.upper().startswith("FLEXTELL_")]
    return not unknown_variables(ours) and all(name.isupper() for name in ours)


def known_command(words: list[str]) -> bool:
    """Whether the command line takes these words; click's UsageError if not."""
    command = get_command(cli.app).commands[words[0]]  # type: ignore[attr-defined]
    command.make_context("flextell", words[1:])
    return True
