"""The store, open while a command works, and what its errors mean for the one who runs it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flextell.data_dir import is_changing
from flextell.exits import ExitCode, ExitError, data_dir_errors

if TYPE_CHECKING:
    from flextell.settings import Settings
    from flextell.store.port import Store

PRIVATE_FOLDER = 0o700
SEALED_ELSEWHERE = (
    "The master key file does not open the signing keys in the database; "
    "restore the key file that belongs to this database."
)
SECRETS_SEALED_ELSEWHERE = (
    "The master key file does not open the secrets of channels in the database; "
    "restore the key file that belongs to this database."
)


@contextmanager
def opened(settings: "Settings", *, make: bool = False) -> Iterator["Store"]:
    """The store that the settings name. `make`: also the data directory, private to this user.

    Raises ExitError for whatever the operator must mend, also what the body raises of it.
    """
    from flextell.store.opening import open_store

    with sentences(settings):
        if not settings.database:
            ready_folder(settings.data_dir, make=make)
        store = open_store(settings)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def sentences(settings: "Settings") -> Iterator[None]:
    """Turn what operators must mend and what commands were given wrongly into ExitError."""
    from flextell.accounts.model import InvalidAccount
    from flextell.masterkey import KeyFileProblem
    from flextell.node.keyring import KeysSealedElsewhere
    from flextell.oauth.registration import InvalidRegistration
    from flextell.oauth.sealing import WrongKey
    from flextell.outbound import ForbiddenTarget
    from flextell.store.port import Duplicate, StoreFull, StoreUnavailable
    from flextell.store.standing import SchemaOutdated
    from flextell.tenants.channels import InvalidChannel

    try:
        yield
    except StoreFull as error:
        embedded = not settings.database
        code = ExitCode.DATA_DIR if embedded else ExitCode.DATABASE
        raise ExitError(str(error), code) from error
    except (StoreUnavailable, SchemaOutdated) as error:
        raise ExitError(str(error), ExitCode.DATABASE) from error
    except KeyFileProblem as error:
        raise ExitError(str(error), ExitCode.KEY_FILE) from error
    except KeysSealedElsewhere as error:
        raise ExitError(SEALED_ELSEWHERE, ExitCode.KEY_FILE) from error
    except WrongKey as error:
        raise ExitError(SECRETS_SEALED_ELSEWHERE, ExitCode.KEY_FILE) from error
    except Duplicate as error:
        raise ExitError(str(error), ExitCode.CONFLICT) from error
    except (InvalidAccount, InvalidRegistration, InvalidChannel, ForbiddenTarget) as error:
        raise ExitError(str(error), ExitCode.INVALID) from error


def ready_folder(data_dir: Path, *, make: bool) -> None:
    """Raises ExitError (DATA_DIR) unless the folder is there, or made now, and ours to use."""
    with data_dir_errors(data_dir):
        if make:
            data_dir.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        elif not data_dir.exists():
            raise ExitError(
                f"The data directory {data_dir} does not exist; name another with --data-dir, "
                "or set it up with flextell serve.",
                ExitCode.DATA_DIR,
            )
        if not data_dir.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "", str(data_dir))
        if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "", str(data_dir))
        if is_changing(data_dir):
            raise ExitError(
                f"A restore into {data_dir} was cut short; start the server, which finishes it.",
                ExitCode.DATA_DIR,
            )
