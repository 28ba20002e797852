"""What is looked for in the texts that lists are searched by."""

import re

# What an index of trigrams needs to find a text anywhere (PostgreSQL, pg_trgm).
_THREE_IN_A_ROW = re.compile(r"[^\W_]{3}")


def is_long(text: str) -> bool:
    """Whether a text is found anywhere; a shorter one is found where words begin.

    Long enough are three letters or digits in a row.
    """
    return _THREE_IN_A_ROW.search(text) is not None
