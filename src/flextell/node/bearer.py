"""Is this access token good? Checked on this node, once; the answer is remembered (RFC 9068 §4).

Verifying a signature costs a hundred times more than looking up its digest, and apps send the
same token many times. Time and revocation are looked at every time.
"""

from collections import OrderedDict
from hashlib import sha256

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
    ) -> None:
        self._issuer = settings.issuer
        self._audience = settings.resource
        self._sources = sources
        self._keyring = keyring
        self._feed = feed
        self._receipts = receipts
        self._verified: OrderedDict[bytes, AccessToken] = OrderedDict()

    def verified(self, text: str) -> AccessToken:
        """What the token says, if we made it. Raises jwt.MalformedToken. Ignores its time."""
        digest = sha256(text.encode("utf-8", "surrogateescape")).digest()
        token = self._verified.get(digest)
        if token is None:
            token = access_token.verified(
                text, self._keyring.verifying(), self._issuer, self._audience
            )
            self._verified[digest] = token
            if len(self._verified) > REMEMBERED_TOKENS:
                self._verified.popitem(last=False)
        else:
            self._verified.move_to_end(digest)
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
