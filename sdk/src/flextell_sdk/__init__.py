"""Act for a person through Flextell, or any OAuth 2.0 server.

The tokens of a `Grant` are never lost, never stale and never in the clear. `App` says who asks,
`Grants` keeps what people allowed, `Client` and `AsyncClient` call the API.
"""

from flextell_sdk.api.paging import Page
from flextell_sdk.app import App
from flextell_sdk.auth import GrantAuth
from flextell_sdk.client import AsyncClient, Client
from flextell_sdk.errors import (
    AccessDenied,
    ApiError,
    FlextellError,
    InsufficientScope,
    NotForThere,
    RateLimited,
    ServerMisconfigured,
    SignInAgain,
    SignInError,
    SignInMismatch,
    SignInRefused,
    StoreError,
    TokenRequestRefused,
    Unreachable,
)
from flextell_sdk.grant import Grant
from flextell_sdk.grants import Grants
from flextell_sdk.loopback import sign_in_here
from flextell_sdk.sign_in import ProvenCode, Remembered, SignIn, finish_sign_in, start_sign_in
from flextell_sdk.stores import FileStore, MemoryStore
from flextell_sdk.tokens import Tokens

__all__ = [
    "AccessDenied",
    "ApiError",
    "App",
    "AsyncClient",
    "Client",
    "FileStore",
    "FlextellError",
    "Grant",
    "GrantAuth",
    "Grants",
    "InsufficientScope",
    "MemoryStore",
    "NotForThere",
    "Page",
    "ProvenCode",
    "RateLimited",
    "Remembered",
    "ServerMisconfigured",
    "SignIn",
    "SignInAgain",
    "SignInError",
    "SignInMismatch",
    "SignInRefused",
    "StoreError",
    "TokenRequestRefused",
    "Tokens",
    "Unreachable",
    "finish_sign_in",
    "sign_in_here",
    "start_sign_in",
]
