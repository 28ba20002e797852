"""Remove bytes that no file needs: of uploads that came to nothing, and of deleted files.

Bytes go first, then their name: whoever dies in between leaves a name of nothing, which the next
one forgets. Any number of nodes may do it at once.
"""

from functools import partial

from flextell.node.file_room import FileRoom
from flextell.store.port import LooseContent, Store, Unit

EVERY_SECONDS = 10.0
AT_ONCE = 100


async def remove_due(store: Store, room: FileRoom, now: int) -> None:
    """Remove what is to be gone at `now`, some of it if it is much."""
    due = await store.read(partial(_due, now=now))
    for content in due:
        await room.remove(content.stored_as)
    if due:
        await store.write(partial(_forget, gone=due))


def _due(unit: Unit, now: int) -> list[LooseContent]:
    return unit.files.due(now, AT_ONCE)


def _forget(unit: Unit, gone: list[LooseContent]) -> None:
    unit.within(*(content.tenant_id for content in gone))
    for content in gone:
        unit.files.forget(content)
