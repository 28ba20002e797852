"""What is put right in a database that comes out of a backup: the world went on without it."""

from flextell.store.transaction import Transaction

# No server of ours tells news faster than this for years on end.
MOST_NEWS_A_SECOND = 1000
_SEQUENCE = "pg_get_serial_sequence('revocations', 'sequence')"


def number_news_anew(transaction: Transaction, now: int) -> None:
    """Give the next revocation a number that nobody can have seen.

    Whoever has read the news up to a number asks for what comes after it; the numbers that were
    given after the backup would be given twice, and the second time nobody would look.
    """
    number = now * MOST_NEWS_A_SECOND
    if transaction.locks_rows:
        transaction.run(
            f"SELECT setval({_SEQUENCE}, greatest(:number, nextval({_SEQUENCE})))", number=number
        )
    elif not transaction.run(
        "UPDATE sqlite_sequence SET seq = max(seq, :number) WHERE name = 'revocations'",
        number=number,
    ):
        transaction.run(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('revocations', :number)",
            number=number,
        )


def end_all_access(transaction: Transaction, now: int) -> int:
    """End every grant, session and unused code, and forget the signing keys; how many grants.

    Without its key no access token opens anything, also those that came after the backup, whose
    grants are not known here. The first server makes new keys.
    """
    for table in ("codes", "sessions", "signing_keys"):
        transaction.run(f"DELETE FROM {table}")
    return transaction.run(
        "UPDATE grants SET ended_at = :now, end_reason = 'restored' WHERE ended_at IS NULL",
        now=now,
    )
