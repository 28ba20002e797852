"""A store of one grant in a few dicts: what the rules of codes and refresh tokens are given."""

from dataclasses import replace

from flextell.oauth.access_token import AccessToken
from flextell.oauth.errors import InvalidGrant
from flextell.oauth.grants import refresh_token
from flextell.oauth.grants.authorization_code import ClaimedCode, redeem
from flextell.oauth.grants.issue import Issue, Lifetimes
from flextell.oauth.grants.refresh_token import Dice, Presented
from flextell.oauth.model import AuthorizationCode, Client, Digest, Grant, RefreshToken, digest_of
from flextell.oauth.parameters import CodeExchange, Refresh
from tests.oauth.asked import code_text, refresh_text

REDIRECT = "https://photos.example/callback"
CODE = code_text(1)


class Shelf:
    """One client, one code, the grant that it buys, and one row for each generation."""

    def __init__(self, client: Client, lifetimes: Lifetimes, now: int) -> None:
        self.client = client
        self.lifetimes = lifetimes
        self.code = AuthorizationCode(
            digest=digest_of(CODE),
            grant_id="grant-1",
            client_id=client.client_id,
            subject="sub-alice",
            redirect_uri=REDIRECT,
            scopes=client.scopes,
            code_challenge=None,
            nonce=None,
            auth_time=now,
            expires_at=now + lifetimes.code,
        )
        self.code_used = False
        self.grant: Grant | None = None
        self.ended_because: str | None = None
        self.generations: dict[int, RefreshToken] = {}
        self.seen: set[int] = set()
        self._thrown = 0

    @property
    def ended(self) -> bool:
        """Whether the grant is over."""
        return self.grant is not None and self.grant.ended_at is not None

    def redeem(self, now: int) -> Issue:
        """Exchange the code. Raises InvalidGrant, its order carried out."""
        first, self.code_used = not self.code_used, True
        asked = CodeExchange(CODE, REDIRECT, None)
        claimed = ClaimedCode(self.code, first)
        try:
            issue = redeem(
                asked, self.client, claimed, self._dice().refresh_token, self.lifetimes, now
            )
        except InvalidGrant as refusal:
            self._carry_out(refusal, now)
            raise
        self._save(issue)
        return issue

    def refresh(self, text: str, scope: str | None, now: int) -> Issue:
        """Refresh with a token. Raises InvalidScope, or InvalidGrant, its order carried out."""
        presented = self._present(digest_of(text))
        asked = Refresh(text, scope)
        try:
            issue = refresh_token.rotate(
                asked, self.client, presented, self._dice(), self.lifetimes, now
            )
        except InvalidGrant as refusal:
            self._carry_out(refusal, now)
            raise
        self._save(issue)
        return issue

    def call_api(self, token: AccessToken, now: int) -> bool:
        """Whether the API lets this token in; if so, its generation was seen."""
        if self.ended or now >= token.expires_at:
            return False
        self.seen.add(token.generation)
        return True

    def end(self, reason: str, now: int) -> None:
        """End the grant, if it began and did not end before."""
        if self.grant is not None and not self.ended:
            self.grant = replace(self.grant, ended_at=now)
            self.ended_because = reason

    def _present(self, digest: Digest) -> Presented | None:
        token = next((t for t in self.generations.values() if t.digest == digest), None)
        if token is None or self.grant is None:
            return None
        following = token.generation + 1
        return Presented(
            token,
            self.grant,
            successor=self.generations.get(following),
            successor_used=following + 1 in self.generations,
            seen=following in self.seen,
        )

    def _save(self, issue: Issue) -> None:
        if issue.grant is not None:
            assert self.grant is None, "one code, one grant"
            self.grant = issue.grant
        if issue.kept is not None:
            assert issue.kept.generation not in self.generations, "one row for each generation"
            self.generations[issue.kept.generation] = issue.kept

    def _carry_out(self, refusal: InvalidGrant, now: int) -> None:
        if refusal.then is not None:
            assert refusal.then.grant_id == "grant-1"
            self.end(refusal.then.reason, now)

    def _dice(self) -> Dice:
        self._thrown += 1
        return Dice(refresh_text(self._thrown), self._thrown.to_bytes(12), f"own{self._thrown}")
