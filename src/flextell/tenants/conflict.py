"""Refusals because of how things stand: what is asked for cannot be done to them now."""


class Conflict(Exception):
    """Not in a state for this; the text is for the client's developer."""


class Unfit(Exception):
    """Well-formed, and breaks a rule; the text names the field."""
