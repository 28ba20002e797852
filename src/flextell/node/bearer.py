"""Is this access token good? Checked on this node, once; the answer is remembered (RFC 9068 §4).

Verifying a signature costs a hundred times more than looking up its digest, and apps send the
same token many times. Time and revocation are looked at every time.
"""

from collections import OrderedDict
from hashlib import sha256

from flextell.metrics import TOKENS_VERIFIED, Metrics
from flextell.node.keyring import Keyring
from flextell.node.receipts import Receipts
from flextell.node.revocations import RevocationFeed
from flextell.oauth import access_token, bearer, jwt
from flextell.oauth.access_token import AccessToken
from flextell.settings import Settings
from flextell.sources import Sources

REMEMBERED_TOKENS = 20_000


class Bearer:
    """The gate that every API request passes."""

    def __init__(
        self,
        settings: Settings,
        sources: Sources,
        keyring: Keyring,
        feed: RevocationFeed,
        receipts: Receipts,
        metrics: Metrics,
    ) -> None:
        self._issuer = settings.issuer
        self._audience = settings.resource
        self._sources = sources
        self._keyring = keyring
        self._feed = feed
        self._receipts = receipts
        self._remembered_before = metrics.counter(TOKENS_VERIFIED, "remembered")
        self._verified_now = metrics.counter(TOKENS_VERIFIED, "verified")
        self._refused = metrics.counter(TOKENS_VERIFIED, "refused")
        self._verified: OrderedDict[bytes, AccessToken] = OrderedDict()

    def verified(self, text: str) -> AccessToken:
        """What the token says, if we made it. Raises jwt.MalformedToken. Ignores its time."""
        digest = sha256(text.encode("utf-8", "surrogateescape")).digest()
        token = self._verified.get(digest)
        if token is None:
            token = self._verified[digest] = self._judged(text)
            if len(self._verified) > REMEMBERED_TOKENS:
                self._verified.popitem(last=False)
        else:
            self._remembered_before.value += 1
            self._verified.move_to_end(digest)
        return token

    def _judged(self, text: str) -> AccessToken:
        try:
            token = access_token.verified(
                text, self._keyring.verifying(), self._issuer, self._audience
            )
        except jwt.MalformedToken:
            self._refused.value += 1
            raise
        self._verified_now.value += 1
        return token

    async def check(self, authorization: list[str]) -> AccessToken:
        """The token of a request's Authorization headers.

        Raises a BearerRefusal naming the cause, or StoreUnavailable if revocation cannot be told.
        """
        text = bearer.token_in(authorization)
        try:
            token = self.verified(text)
        except jwt.MalformedToken:
            raise bearer.MalformedBearer from None
        # A revoked token says so even after it expired: that is the more useful answer.
        if await self._feed.revoked(token):
            raise bearer.RevokedBearer
        try:
            access_token.check_time(token, self._sources.now())
        except access_token.ExpiredToken:
            raise bearer.ExpiredBearer from None
        self._receipts.saw(token)
        return token
