"""What a person must be asked, and what their answer grants (RFC 6749 §4.1.1)."""

from dataclasses import dataclass

from flextell.oauth import scopes
from flextell.oauth.model import Consent, Scopes


@dataclass(frozen=True, slots=True)
class Question:
    """The scopes a consent screen shows: those that are new, and those allowed before."""

    new: Scopes
    known: Scopes


def question(asked: Scopes, consent: Consent | None) -> Question:
    """Split what is asked into what is new to this person and what they allowed before."""
    known = asked & consent.scopes if consent else frozenset()
    return Question(new=asked - known, known=known)


def covered(asked: Scopes, consent: Consent | None) -> bool:
    """Whether a remembered consent answers all that is asked."""
    return consent is not None and scopes.covers(consent.scopes, asked)


def allow(subject: str, client_id: str, asked: Scopes, before: Consent | None, now: int) -> Consent:
    """What is remembered when the person says yes: what they said before, and this."""
    known = before.scopes if before else frozenset()
    return Consent(subject, client_id, known | asked, answered_at=now)
