"""Build the application: the only place where concrete parts are made and joined."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from flextell import log, masterkey, metrics
from flextell.api.build import build_api
from flextell.api.downloads import build_downloads
from flextell.api.hooks import build_hooks
from flextell.management import Service
from flextell.metrics import Metrics
from flextell.node import delivering, file_sweeping, sweeping
from flextell.node.bearer import Bearer
from flextell.node.channel_secrets import ChannelSecrets
from flextell.node.delivering import Delivering
from flextell.node.file_room import open_room
from flextell.node.hashing import PasswordHashing
from flextell.node.keyring import LOOK_EVERY_SECONDS, PURPOSES, KeyMaker, Keyring
from flextell.node.rate_exchange import RateExchange
from flextell.node.rate_limits import RateLimit
from flextell.node.receipts import Receipts
from flextell.node.repeating import repeat
from flextell.node.revocations import RevocationFeed
from flextell.oauth import sealing
from flextell.oauth.grants.issue import Lifetimes
from flextell.outbound import Outbound
from flextell.parts import Parts
from flextell.reference import routes as reference
from flextell.settings import Settings
from flextell.sources import SYSTEM, Sources
from flextell.store.opening import is_shared, open_store
from flextell.store.port import Store, StoreUnavailable, Unit
from flextell.tenants import file_addresses, hooks
from flextell.tenants.file_addresses import FileAddresses
from flextell.transport import RequireHttps, hsts_suits
from flextell.web.routes import build_web

Work = Callable[[], Awaitable[None]]

PROCESS_BYTES = 8
RECEIPTS_EVERY_SECONDS = 0.5
LAST_RECEIPTS_SECONDS = 1.0


def open_master_key(settings: Settings, sources: Sources, store: Store) -> bytes:
    """The master key; made only while there is nothing yet that another key has sealed.

    Raises KeyFileProblem, StoreUnavailable.
    """
    path = settings.master_key_file
    if not path.exists() and not store.at_once(_holds_what_is_sealed):
        return masterkey.create(path, sources.random)
    return masterkey.load(path)


def _holds_what_is_sealed(unit: Unit) -> bool:
    return bool(unit.signing_keys.all()) or unit.channels.any_secret()


def lifetimes(settings: Settings) -> Lifetimes:
    """The lifetimes that the settings name, for the rules."""
    return Lifetimes(
        code=settings.code_seconds,
        access_token=settings.access_token_seconds,
        refresh_token=settings.refresh_token_seconds,
        retry=settings.refresh_retry_seconds,
        outage=settings.refresh_outage_seconds,
    )


def rate_limits(settings: Settings, sources: Sources) -> dict[str, RateLimit]:
    """Each limit by its name."""
    limits = {
        "api": settings.api_requests_per_window,
        "oauth": settings.oauth_requests_per_window,
        "page": settings.page_requests_per_window,
    }
    window, shared = settings.rate_limit_window_seconds, is_shared(settings)
    return {
        name: RateLimit(name, limit, window, sources, shared=shared)
        for name, limit in limits.items()
    }


def outbound(settings: Settings) -> Outbound:
    """The way to other people's servers; whom this machine trusts proves to be them."""
    return Outbound(ssl.create_default_context(), settings.development_webhooks_to_loopback)


def build_parts(
    settings: Settings, sources: Sources, store: Store, master_key: bytes, numbers: Metrics
) -> Parts:
    """Join the parts of one node. The settings name the issuer."""
    keyring = Keyring(store, KeyMaker(master_key, settings, sources))
    feed = RevocationFeed(store, settings.revocation_stale_milliseconds)
    receipts = Receipts(store, sources)
    limits = rate_limits(settings, sources)
    secrets = ChannelSecrets(master_key, sources)
    parts = Parts(
        settings=settings,
        sources=sources,
        store=store,
        keyring=keyring,
        feed=feed,
        receipts=receipts,
        bearer=Bearer(settings, sources, keyring, feed, receipts, numbers),
        hashing=PasswordHashing(settings.password_hash_workers, settings.password_hash_queue),
        lifetimes=lifetimes(settings),
        api_limit=limits["api"],
        oauth_limit=limits["oauth"],
        page_limit=limits["page"],
        rate_exchange=RateExchange(
            store,
            tuple(limits.values()),
            process=sources.random(PROCESS_BYTES),
            secret=sealing.derive(master_key, "rate counts"),
        ),
        browser_key=sealing.derive(master_key, "browser"),
        file_room=open_room(settings.files_folder),
        file_addresses=FileAddresses(
            sealing.derive(master_key, "file addresses"),
            settings.issuer,
            settings.file_address_seconds,
        ),
        channel_secrets=secrets,
        delivering=Delivering(settings, sources, store, secrets, outbound(settings), numbers),
        metrics=numbers,
    )
    _show_state(parts)
    return parts


def _show_state(parts: Parts) -> None:
    """Let Prometheus read what the parts hold at the moment it asks."""
    gauge = parts.metrics.gauge
    gauge(metrics.HASHES_WAITING, parts.hashing.inside)
    gauge(metrics.STORE_QUEUE, parts.store.waiting)
    gauge(metrics.FEED_AGE, parts.feed.age_seconds)
    gauge(metrics.FEED_SIZE, parts.feed.size)
    for purpose in PURPOSES:
        gauge(metrics.KEY_AGE, partial(parts.keyring.age_seconds, purpose), purpose)


def build_service(settings: Settings, sources: Sources = SYSTEM) -> Service:
    """The whole server: one ASGI application, which refuses plain HTTP, its health, its metrics.

    Raises StoreUnavailable, SchemaOutdated, KeyFileProblem.
    """
    log.configure(settings.log_level)
    numbers = Metrics()
    store = open_store(settings, metrics.StoreWatch(numbers))
    master_key = open_master_key(settings, sources, store)
    parts = build_parts(settings, sources, store, master_key, numbers)
    app = RequireHttps(
        application(parts),
        settings.trusted_proxies,
        settings.development_plain_http_on_loopback,
        hsts_suits(settings.issuer),
    )
    return Service(app, partial(_checks, parts), numbers.collect)


def _checks(parts: Parts) -> dict[str, bool]:
    """Which of the things without which no request should come are well."""
    return parts.feed.checks() | parts.keyring.checks()


def application(parts: Parts) -> ASGIApp:
    """Paths under /api go to the API; the reference, files and webhooks have paths of their own.

    All others go to the web. The lifespan runs the node's tasks.
    """
    web, api = build_web(parts), build_api(parts)
    others = {
        file_addresses.PATH: build_downloads(parts),
        hooks.PATH: build_hooks(parts),
        reference.PATH: reference.build_reference(parts),
    }

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if path.startswith("/api/") or path == "/api":
                answering = api
            else:
                answering = next((one for at, one in others.items() if path.startswith(at)), web)
            await answering(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(parts, receive, send)

    return app


async def _lifespan(parts: Parts, receive: Receive, send: Send) -> None:
    """Answer the server's two lifespan messages (ASGI lifespan protocol)."""
    await receive()
    async with running(parts):
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[None]:
    """Keep a node's memory up to date while the body runs; leave nothing behind unsaved."""
    await parts.keyring.catch_up()
    await parts.feed.catch_up()
    tasks = [
        asyncio.create_task(repeat(work, every_seconds, parts.sources))
        for work, every_seconds in _works(parts)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await parts.delivering.stop()
        # A database that is silent now must not keep us from leaving.
        with suppress(StoreUnavailable, TimeoutError):
            await asyncio.wait_for(parts.receipts.flush(), LAST_RECEIPTS_SECONDS)
        parts.hashing.close()
        parts.file_room.close()
        parts.store.close()


def _works(parts: Parts) -> list[tuple[Work, float]]:
    """What a node does beside the requests, and how many seconds it rests in between."""
    settings = parts.settings
    works: list[tuple[Work, float]] = [
        (parts.feed.catch_up, settings.revocation_poll_milliseconds / 1000),
        (parts.keyring.catch_up, LOOK_EVERY_SECONDS),
        (parts.receipts.flush, RECEIPTS_EVERY_SECONDS),
        (partial(_tidy, parts), sweeping.EVERY_SECONDS),
        (partial(_remove_files, parts), file_sweeping.EVERY_SECONDS),
        (parts.delivering.round, delivering.PAUSE_SECONDS),
    ]
    if is_shared(settings):
        exchange_seconds = settings.rate_limit_exchange_milliseconds / 1000
        works.append((parts.rate_exchange.exchange, exchange_seconds))
    return works


async def _tidy(parts: Parts) -> None:
    """Forget what has expired, here and in the store."""
    now = parts.sources.now()
    parts.feed.forget(now)
    await sweeping.sweep(parts.store, now, parts.metrics)


async def _remove_files(parts: Parts) -> None:
    """Remove the bytes that no file needs any more."""
    await file_sweeping.remove_due(parts.store, parts.file_room, parts.sources.now())
