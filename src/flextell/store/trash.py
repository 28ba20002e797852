"""Hiding rows in place of deleting them, and showing them again (wire §e 6)."""

from flextell.store.transaction import Transaction


def hide(sql: Transaction, table: str, now: int, **ids: int) -> bool:
    """Hide the row that has these ids, the tenant's among them. False if none is shown."""
    return _marked(sql, table, ":now", "IS NULL", now, ids)


def show(sql: Transaction, table: str, now: int, **ids: int) -> bool:
    """Show the row that has these ids again. False if none was hidden."""
    return _marked(sql, table, "NULL", "IS NOT NULL", now, ids)


def _marked(
    sql: Transaction, table: str, deleted_at: str, before: str, now: int, ids: dict[str, int]
) -> bool:
    which = " AND ".join(f"{name} = :{name}" for name in ids)
    changed = sql.run(
        f"UPDATE {table} SET deleted_at = {deleted_at}, updated_at = :now "
        f"WHERE {which} AND deleted_at {before}",
        now=now,
        **ids,
    )
    return changed == 1
