"""What `python -m flextell_sdk` starts."""

import sys

from flextell_sdk.command.main import main

if __name__ == "__main__":
    sys.exit(main())
