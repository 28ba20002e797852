"""The rules about tags: a tenant has each name once (wire §a.2)."""

import unicodedata


class NameTaken(Exception):
    """The tenant has a tag of this name; the text is for the client's developer."""

    def __init__(self) -> None:
        super().__init__("There is a tag with this name already; case makes no difference.")


SORT_KINDS: dict[str, type] = {"name": str, "created_at": int, "updated_at": int}


def unique_name(name: str) -> str:
    """What must be unique of a name: everything but its case (Unicode §3.13, D145).

    The same letter may be written in several ways; with and without an accent it is another one.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold()).strip()
