"""The machine's floors, measured in the same run: nothing that answers can be faster than these."""

import sqlite3
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256


def signatures_per_second(seconds: float = 1.0) -> float:
    """ES256 signatures of one core."""
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256())
    began, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < seconds:
        for _ in range(50):
            key.sign(b"x" * 300, algorithm)
        count += 50
    return count / spent


def commits_per_second(folder: Path, rows: int, seconds: float = 1.0) -> float:
    """Rows a second into SQLite with synchronous=FULL, `rows` of them in each transaction."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        database = sqlite3.connect(Path(scratch) / "floor.db", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE t (digest BLOB PRIMARY KEY, body BLOB)")
        began, count = time.perf_counter(), 0
        while (spent := time.perf_counter() - began) < seconds:
            database.execute("BEGIN IMMEDIATE")
            for _ in range(rows):
                database.execute(
                    "INSERT INTO t VALUES (?, ?)", (count.to_bytes(32, "little"), b"x" * 200)
                )
                count += 1
            database.execute("COMMIT")
        database.close()
    return count / spent
