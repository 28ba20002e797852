"""The wall between tenants in PostgreSQL: whose rows a transaction sees (row-level security).

Migration 0012 gives every table of tenants' rows a policy, which reads a setting of the
transaction: the tenants whose rows are there, or nothing, and then all are. The setting ends with
its transaction, however that ends, so a connection is never left walled, or walled wrongly.
"""

from collections.abc import Collection

# As `narrow` does: told by the transaction itself whether it may see so many.
NARROW = """
SELECT set_config('flextell.tenants', CAST(:tenants AS TEXT), true)
FROM (SELECT nullif(current_setting('flextell.tenants', true), '')) AS seen (tenants)
WHERE seen.tenants IS NULL
   OR CAST(CAST(:tenants AS TEXT) AS BIGINT[]) <@ CAST(seen.tenants AS BIGINT[])
"""


class Widened(Exception):
    """A unit of work that had said whose rows it needs wanted others': a bug of ours."""


def narrow(seen: frozenset[int] | None, tenants: Collection[int]) -> frozenset[int]:
    """What is seen from now on, None being all. Raises Widened."""
    if seen is not None and not seen.issuperset(tenants):
        raise Widened
    return frozenset(tenants)


def written(tenants: Collection[int]) -> str:
    """The tenants as PostgreSQL writes an array; that of nobody is not the empty text."""
    return f"{{{','.join(map(str, sorted(tenants)))}}}"
