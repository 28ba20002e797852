"""Where tokens are kept: a small protocol, and stores that keep its promises.

`SqlStore` is in `flextell_sdk.stores.sql`, for it needs SQLAlchemy; what checks a store of your own
is in `flextell_sdk.stores.conformance`.
"""

from flextell_sdk.stores.file import FileStore
from flextell_sdk.stores.holding import holding
from flextell_sdk.stores.keys import key_from_environment, key_from_text, new_key
from flextell_sdk.stores.memory import MemoryStore
from flextell_sdk.stores.protocol import Held, TokenStore
from flextell_sdk.stores.sealing import Seal

__all__ = [
    "FileStore",
    "Held",
    "MemoryStore",
    "Seal",
    "TokenStore",
    "holding",
    "key_from_environment",
    "key_from_text",
    "new_key",
]
