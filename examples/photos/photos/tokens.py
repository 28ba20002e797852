"""What a page may show of tokens: when they expire, and that they changed. Never the tokens."""

import asyncio
import hashlib
import time
from concurrent.futures import Future

from flextell_sdk import Grant, Tokens


async def other_tokens(grant: Grant, before: Tokens) -> Tokens:
    """Newer tokens, now. Only to show it: the SDK refreshes in time by itself."""
    found = grant.other_than(before)
    if isinstance(found, Future):
        found = await asyncio.to_thread(found.result)
    return found or before


def expiry(tokens: Tokens, now: float) -> str:
    """When the access token expires, for a clock of ours that says `now`."""
    if tokens.expires_at is None:
        return "does not say when it expires"
    left = tokens.expires_at - tokens.clock_offset - now
    at = time.strftime("%H:%M:%S on %d %B %Y, UTC", time.gmtime(tokens.expires_at))
    return f"expires in {round(max(0.0, left) / 60)} minutes, at {at}"


def fingerprints(tokens: Tokens) -> dict[str, str]:
    """A short name for each token, safe to show: nobody can get back from it to the token."""
    named = {"Access token": tokens.access_token, "Refresh token": tokens.refresh_token}
    return {
        name: hashlib.sha256(token.encode()).hexdigest()[:12]
        for name, token in named.items()
        if token
    }
