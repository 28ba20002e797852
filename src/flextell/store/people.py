"""People and their sessions, kept."""

from hashlib import sha256

from flextell.accounts.model import Person, Session
from flextell.store.codes import SqlCodes
from flextell.store.port import Duplicate
from flextell.store.statement import Statement
from flextell.store.transaction import Row, Transaction, number_of

_PERSON = (
    "p.person_id, p.subject, p.email, p.name, p.password_hash, p.created_at, p.disabled_at, "
    "p.last_login_at, p.last_login_ip"
)
TAKEN = "There is a person with this e-mail address already."
_SESSION = Statement(
    f"SELECT s.digest, s.person_id, s.auth_time, s.seen_at, s.expires_at, {_PERSON} "
    "FROM sessions s JOIN people p ON p.person_id = s.person_id "
    "WHERE s.digest = :digest AND p.disabled_at IS NULL",
    {"digest": "bytea"},
)


def _person(row: Row) -> Person:
    return Person(*row)


class SqlPeople:
    """`port.People` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def by_email(self, email: str) -> Person | None:
        row = self._sql.one(f"SELECT {_PERSON} FROM people p WHERE p.email = :email", email=email)
        return _person(row) if row else None

    def by_subject(self, subject: str) -> Person | None:
        row = self._sql.one(
            f"SELECT {_PERSON} FROM people p WHERE p.subject = :subject", subject=subject
        )
        return _person(row) if row else None

    def all(self) -> list[Person]:
        return [_person(row) for row in self._sql.all(f"SELECT {_PERSON} FROM people p ORDER BY 1")]

    def add(
        self,
        *,
        subject: str,
        email: str,
        name: str,
        password_hash: str,
        now: int,
        managed_by: int | None = None,
    ) -> Person:
        self._hold_address(email)
        row = self._sql.one(
            "INSERT INTO people (subject, email, name, password_hash, created_at, managed_by) "
            "VALUES (:subject, :email, :name, :password_hash, :now, :managed_by) "
            "ON CONFLICT (email) DO NOTHING RETURNING person_id",
            subject=subject,
            email=email,
            name=name,
            password_hash=password_hash,
            now=now,
            managed_by=managed_by,
        )
        if row is None:
            raise Duplicate(TAKEN)
        return Person(row[0], subject, email, name, password_hash, now)

    def rename(self, person_id: int, *, email: str, name: str) -> None:
        self._hold_address(email)
        changed = self._sql.run(
            "UPDATE people SET email = :email, name = :name WHERE person_id = :person_id "
            "AND NOT EXISTS "
            "(SELECT 1 FROM people o WHERE o.email = :email AND o.person_id <> :person_id)",
            person_id=person_id,
            email=email,
            name=name,
        )
        if not changed:
            raise Duplicate(TAKEN)

    def _hold_address(self, email: str) -> None:
        """Nobody else takes this address before the unit ends: no unique index is run into."""
        self._sql.serialise(number_of(sha256(email.encode()).digest()))

    def set_password_hash(self, person_id: int, password_hash: str) -> None:
        self._sql.run(
            "UPDATE people SET password_hash = :password_hash WHERE person_id = :person_id",
            person_id=person_id,
            password_hash=password_hash,
        )

    def note_sign_in(self, person_id: int, address: str, now: int) -> None:
        self._sql.run(
            "UPDATE people SET last_login_at = :now, last_login_ip = :address "
            "WHERE person_id = :person_id",
            person_id=person_id,
            address=address,
            now=now,
        )

    def disable(self, person_id: int, now: int) -> None:
        self._sql.run(
            "UPDATE people SET disabled_at = :now WHERE person_id = :person_id "
            "AND disabled_at IS NULL",
            person_id=person_id,
            now=now,
        )
        self.sign_out(person_id)

    def sign_out(self, person_id: int) -> None:
        self._sql.run("DELETE FROM sessions WHERE person_id = :person_id", person_id=person_id)
        # A code that nobody has exchanged yet must not become a grant now.
        row = self._sql.one(
            "SELECT subject FROM people WHERE person_id = :person_id", person_id=person_id
        )
        if row is not None:
            SqlCodes(self._sql).forget(subject=row[0])


class SqlSessions:
    """`port.Sessions` in SQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._sql = transaction

    def get(self, digest: bytes) -> tuple[Session, Person] | None:
        row = self._sql.one(_SESSION, digest=digest)
        return (Session(*row[:5]), _person(row[5:])) if row else None

    def put(self, session: Session) -> None:
        self._sql.run(
            "INSERT INTO sessions (digest, person_id, auth_time, seen_at, expires_at) "
            "VALUES (:digest, :person_id, :auth_time, :seen_at, :expires_at)",
            digest=session.digest,
            person_id=session.person_id,
            auth_time=session.auth_time,
            seen_at=session.seen_at,
            expires_at=session.expires_at,
        )

    def note_use(self, digest: bytes, now: int) -> None:
        self._sql.run(
            "UPDATE sessions SET seen_at = :now WHERE digest = :digest", digest=digest, now=now
        )

    def end(self, digest: bytes) -> None:
        self._sql.run("DELETE FROM sessions WHERE digest = :digest", digest=digest)
