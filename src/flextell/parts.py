"""The parts of a running server, joined in `app.py` and handed to every endpoint."""

from dataclasses import dataclass

from flextell.metrics import Metrics
from flextell.node.bearer import Bearer
from flextell.node.channel_secrets import ChannelSecrets
from flextell.node.delivering import Delivering
from flextell.node.file_room import FileRoom
from flextell.node.hashing import PasswordHashing
from flextell.node.keyring import Keyring
from flextell.node.rate_exchange import RateExchange
from flextell.node.rate_limits import RateLimit
from flextell.node.receipts import Receipts
from flextell.node.revocations import RevocationFeed
from flextell.oauth.grants.issue import Lifetimes
from flextell.settings import Settings
from flextell.sources import Sources
from flextell.store.port import Store
from flextell.tenants.file_addresses import FileAddresses


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything an endpoint may need. Frozen: a request changes nothing here."""

    settings: Settings
    sources: Sources
    store: Store
    keyring: Keyring
    feed: RevocationFeed
    receipts: Receipts
    bearer: Bearer
    hashing: PasswordHashing
    lifetimes: Lifetimes
    api_limit: RateLimit
    oauth_limit: RateLimit
    page_limit: RateLimit
    rate_exchange: RateExchange
    browser_key: bytes
    file_room: FileRoom
    file_addresses: FileAddresses
    channel_secrets: ChannelSecrets
    delivering: Delivering
    metrics: Metrics
