"""A node that delivers, to be killed: `python -m tests.node.delivering_process FOLDER NOW`."""

import asyncio
import sys
from pathlib import Path

from flextell import app
from flextell.metrics import Metrics
from flextell.settings import Settings
from flextell.sources import SYSTEM, Sources
from flextell.store.opening import open_store
from tests.world import ISSUER


async def deliver(folder: Path, now: int) -> None:
    """Take on what is due, and wait until it is delivered; by then somebody has killed us."""
    settings = Settings(data_dir=folder, issuer=ISSUER, development_webhooks_to_loopback=True)
    sources = Sources(now=lambda: now, random=SYSTEM.random)
    store = open_store(settings)
    key = app.open_master_key(settings, sources, store)
    node = app.build_parts(settings, sources, store, key, Metrics())
    await node.delivering.take_on()
    await node.delivering.stop()
    store.close()


if __name__ == "__main__":
    asyncio.run(deliver(Path(sys.argv[1]), int(sys.argv[2])))
