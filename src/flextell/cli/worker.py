"""What `flextell serve --workers` starts each worker with; nobody else starts this."""

import os
import sys

from flextell.app import build_service
from flextell.cli.opened import sentences
from flextell.cli.serve import open_log
from flextell.exits import ExitCode, ExitError
from flextell.workers.worker import Parent, work


def main(descriptor: int) -> int:
    """Run a worker whose parent holds the other end; the code to leave with."""
    parent = Parent(descriptor)
    orders = parent.orders()
    open_log(orders.settings.log_level)
    try:
        with sentences(orders.settings):
            work(orders, parent, build_service)
    except ExitError as error:
        parent.hear_problem(error)
        return error.code
    return ExitCode.OK


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(int(sys.argv[1])))
