"""Let the tests import the sample app the way `python examples/photos/app.py` does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "photos"))
