"""A fixed piece of work in this process: the yardstick for what our operations cost.

It is made of what they are made of (Python, signatures, hashes, JSON, SQLite), so that a faster
or a busier machine changes both alike. Changing it makes every baseline worthless.
"""

import sqlite3
import time
from base64 import urlsafe_b64encode
from hashlib import sha256

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PIECES = 150
FIELDS = 40
ALGORITHM = ec.ECDSA(SHA256())


class Yardstick:
    """The work, ready to be done again and again."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._database = sqlite3.connect(":memory:", isolation_level=None)
        self._database.execute("CREATE TABLE t (digest BLOB PRIMARY KEY, body BLOB)")
        self._cpu, self._wall = 0.0, 0.0

    def piece(self, number: int) -> None:
        """About as much as one operation."""
        fields = {f"field {i}": number * i for i in range(FIELDS)}
        text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))
        body = orjson.dumps(orjson.loads(orjson.dumps(fields)) | {"text": text})
        signed = urlsafe_b64encode(self._key.sign(body, ALGORITHM))
        digest = sha256(signed).digest()
        self._database.execute("BEGIN")
        self._database.execute("INSERT INTO t VALUES (?, ?)", (digest, body))
        self._database.execute("SELECT body FROM t WHERE digest = ?", (digest,)).fetchone()
        self._database.execute("COMMIT")

    def microseconds(self) -> float:
        """CPU time of one piece, now."""
        self._database.execute("DELETE FROM t")
        cpu, wall = time.process_time(), time.perf_counter()
        for number in range(PIECES):
            self.piece(number)
        spent = time.process_time() - cpu
        self._cpu, self._wall = self._cpu + spent, self._wall + time.perf_counter() - wall
        return spent / PIECES * 1e6

    def share(self) -> float:
        """Which part of a core this process was given so far; 1 on a quiet machine."""
        return self._cpu / self._wall if self._wall else 1.0
