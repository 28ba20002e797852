"""Refusals of the rules about conversations that are more than a wrong form.

    Conflict    409  not in a state for what is asked
    Unfit       422  well-formed, and breaks a rule

Each rule derives its own; the text is for the client's developer.
"""


class Conflict(Exception):
    """Not in a state for this."""


class Unfit(Exception):
    """Well-formed, and breaks a rule; the text names the field."""
