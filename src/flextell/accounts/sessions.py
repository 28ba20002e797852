"""Sign-in sessions: when one holds, and when its use is worth writing down."""

from flextell.accounts.model import Session

# Writing every use would turn each page view into a disk write.
NOTE_USE_EVERY_SECONDS = 15 * 60


def begin(digest: bytes, person_id: int, lifetime: int, now: int) -> Session:
    """The session of somebody who just proved who they are."""
    return Session(digest, person_id, auth_time=now, seen_at=now, expires_at=now + lifetime)


def holds(session: Session, idle_seconds: int, now: int) -> bool:
    """Whether the session still speaks for its person."""
    return (
        now < session.expires_at and now - session.seen_at < idle_seconds + NOTE_USE_EVERY_SECONDS
    )


def worth_noting(session: Session, now: int) -> bool:
    """Whether this use moves the end of the session's idle time far enough to be stored."""
    return now - session.seen_at >= NOTE_USE_EVERY_SECONDS
