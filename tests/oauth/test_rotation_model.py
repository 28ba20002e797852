"""A client that loses answers, a thief, a clock and an API, in any order (RFC 9700 §4.14).

The promises of refresh token rotation are checked against what happened, as an onlooker who
sees every wire would tell it, and not against what the rule read in the store.
"""

from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flextell.oauth.access_token import AccessToken
from flextell.oauth.errors import InvalidGrant, InvalidScope
from flextell.oauth.grants.issue import Issue, Lifetimes
from flextell.oauth.model import Client
from tests.oauth.shelf import Shelf
from tests.world import NOON, PHONE, PHOTOS

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
LIFETIMES = Lifetimes()

ALL, PART, BEYOND = None, "customers:read", "customers:read files:write"

scopes_asked = st.sampled_from([ALL, ALL, ALL, PART, BEYOND])
pauses = st.sampled_from(
    [1, 29, MINUTE, MINUTE + 1, HOUR, 7 * HOUR, DAY - HOUR, DAY, DAY + 1, 30 * DAY]
)
picks = st.integers(0, 7)


@dataclass(frozen=True, slots=True)
class Answered:
    """The server gave this answer at that time."""

    at: int
    issue: Issue


class Rotation(RuleBasedStateMachine):
    """Alice's grant to one client. `held` is what the client has; `lost` never reached it."""

    client: Client

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.shelf = Shelf(self.client, LIFETIMES, NOON)
        self.answers: dict[str, list[Answered]] = {}
        self.generations_called: set[int] = set()
        self.lost: list[Issue] = []
        self.stolen_refresh_tokens: list[str] = []
        self.stolen_access_tokens: list[AccessToken] = []
        self.disturbed = False
        """Somebody else than the client acted: from then on nothing is promised to it."""

    @initialize()
    def the_client_exchanges_its_code(self) -> None:
        self.held = self.shelf.redeem(self.now)
        self.bought_with: str | None = None

    # The client.

    @rule(scope=scopes_asked, lost=st.booleans())
    def the_client_refreshes(self, scope: str | None, lost: bool) -> None:
        text = self.held.refresh_token
        promised = self._may_still_ask(text)
        issue = self._refresh(text, scope)
        assert issue or scope == BEYOND or not promised, "the client was signed out"
        if issue is None:
            return
        if lost:
            self.lost.append(issue)
        else:
            self.held, self.bought_with = issue, text

    @rule(scope=scopes_asked, after=pauses)
    def the_client_loses_an_answer_and_asks_again(self, scope: str | None, after: int) -> None:
        self.the_client_refreshes(scope, lost=True)
        self.time_passes(after)
        self.the_client_refreshes(scope, lost=False)

    @rule(first_lost=st.booleans())
    def the_client_refreshes_twice_at_once(self, first_lost: bool) -> None:
        text = self.held.refresh_token
        promised = self._may_still_ask(text)
        one, other = self._refresh(text, ALL), self._refresh(text, ALL)
        assert (one and other) or not promised, "the client was signed out"
        if one and other:
            self.lost.append(one if first_lost else other)
            self.held, self.bought_with = (other if first_lost else one), text

    @precondition(lambda self: self.bought_with is not None)
    @rule()
    def a_second_tab_has_not_heard_of_the_refresh(self) -> None:
        text = self.bought_with
        assert text is not None
        successor = self.held.refresh_token
        if self.now - self.answers[text][0].at > MINUTE or successor in self.answers:
            return
        issue = self._refresh(text, ALL)
        assert issue or self.disturbed, "the client was signed out by its second tab"
        assert issue is None or issue.refresh_token == successor

    @rule()
    def the_client_calls_the_api(self) -> None:
        self._call(self.held.access)

    @precondition(lambda self: self.calm_enough_to_end)
    @rule()
    def the_client_disconnects(self) -> None:
        self.disturbed = True
        self.shelf.end("revoked_by_client", self.now)

    # The thief.

    @rule()
    def a_thief_copies_what_the_client_holds(self) -> None:
        self._steal(self.held)

    @precondition(lambda self: self.lost)
    @rule(pick=picks)
    def a_thief_takes_an_answer_in_flight(self, pick: int) -> None:
        self._steal(self.lost[-1 - pick % len(self.lost)])

    @precondition(lambda self: self.stolen_refresh_tokens)
    @rule(pick=picks, scope=scopes_asked)
    def a_thief_refreshes(self, pick: int, scope: str | None) -> None:
        self.disturbed = True
        text = self.stolen_refresh_tokens[-1 - pick % len(self.stolen_refresh_tokens)]
        issue = self._refresh(text, scope)
        if issue is not None:
            self._steal(issue)

    @precondition(lambda self: self.stolen_access_tokens)
    @rule(pick=picks)
    def a_thief_calls_the_api(self, pick: int) -> None:
        self.disturbed = True
        self._call(self.stolen_access_tokens[-1 - pick % len(self.stolen_access_tokens)])

    @precondition(lambda self: self.calm_enough_to_end)
    @rule()
    def a_thief_replays_the_code(self) -> None:
        """RFC 6749 §4.1.2."""
        self.disturbed = True
        with pytest.raises(InvalidGrant):
            self.shelf.redeem(self.now)
        assert self.shelf.ended

    # The clock.

    @rule(seconds=pauses)
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    # What must always be so.

    @invariant()
    def there_is_one_chain(self) -> None:
        """Nobody's refresh ever forked the grant: generations follow one another."""
        assert sorted(self.shelf.generations) == list(range(len(self.shelf.generations)))

    @invariant()
    def nothing_but_reuse_ends_a_grant_by_itself(self) -> None:
        if self.shelf.ended_because == "refresh_token_reused":
            assert any(self._closed(text) for text in self.answers)

    def teardown(self) -> None:
        """In the end both parties come back with whatever they have."""
        if self.shelf.grant is None:
            return
        self.now += MINUTE + 1
        everything = [
            *self.answers,
            *(a.issue.refresh_token for g in self.answers.values() for a in g),
        ]
        for text in everything:
            if self._closed(text):
                assert self._refresh(text, ALL) is None
                assert self.shelf.ended, "a theft could hide"
        if self.shelf.ended:
            for text in everything:
                assert self._refresh(text, ALL) is None, "an ended grant bought something"
            for answers in self.answers.values():
                assert not any(self._call(answer.issue.access) for answer in answers)

    # What the onlooker knows.

    def _may_still_ask(self, text: str) -> bool:
        """Whether a client that holds this token, and lost every answer to it, is safe."""
        if self.disturbed:
            return False
        if text in self.answers:
            patience = DAY if self.client.confidential else MINUTE
            return self.now - self.answers[text][0].at <= patience
        return self.now < self._issued_at(text) + LIFETIMES.refresh_token

    def _issued_at(self, text: str) -> int:
        for answers in self.answers.values():
            if answers[0].issue.refresh_token == text:
                return answers[0].at
        return NOON

    def _closed(self, text: str) -> bool:
        """Whether presenting this token is reuse: its answer arrived, or nobody waits for it."""
        if text not in self.answers:
            return False
        first = self.answers[text][0]
        age = self.now - first.at
        used = first.issue.refresh_token in self.answers
        called = first.issue.access.generation in self.generations_called
        waits = DAY if self.client.confidential else MINUTE
        return used or (called and age > MINUTE) or age > waits

    @property
    def calm_enough_to_end(self) -> bool:
        """What ends every grant at once is left for later, or little else would ever happen."""
        return len(self.answers) > 3 and not self.shelf.ended

    # What they do, and what must come of it.

    def _refresh(self, text: str, scope: str | None) -> Issue | None:
        was_ended, closed = self.shelf.ended, self._closed(text)
        expired = self.now >= self._issued_at(text) + LIFETIMES.refresh_token
        try:
            issue = self.shelf.refresh(text, scope, self.now)
        except InvalidScope:
            assert scope == BEYOND
            assert self.shelf.ended == was_ended
            return None
        except InvalidGrant as refusal:
            ordered = refusal.then is not None
            assert was_ended or closed or (expired and text not in self.answers)
            assert ordered == (closed and not was_ended)
            assert self.shelf.ended == (was_ended or closed)
            return None
        assert not was_ended, "an ended grant bought something"
        assert not closed, "a theft could hide"
        assert text in self.answers or not expired, "an expired token bought something"
        assert scope != BEYOND
        assert issue.access.scopes == (self.client.scopes if scope is ALL else {PART})
        self._compare_with_the_first(text, issue)
        self.answers.setdefault(text, []).append(Answered(self.now, issue))
        return issue

    def _compare_with_the_first(self, text: str, issue: Issue) -> None:
        known = self.answers.get(text)
        if known is None:
            others = {a.issue.refresh_token for answers in self.answers.values() for a in answers}
            assert issue.refresh_token not in others
            assert issue.kept is not None
            return
        first = known[0].issue
        assert issue.refresh_token == first.refresh_token, "one token had two successors"
        assert issue.kept is None
        if issue.access.scopes == first.access.scopes and self.now < first.access.expires_at:
            assert issue.access == first.access, "a retry bought another access token"
        else:
            assert issue.access.jti not in {answer.issue.access.jti for answer in known}
        assert issue.access.expires_at > self.now
        assert issue.access.generation == first.access.generation

    def _call(self, token: AccessToken) -> bool:
        accepted = self.shelf.call_api(token, self.now)
        if accepted:
            self.generations_called.add(token.generation)
        return accepted

    def _steal(self, issue: Issue) -> None:
        self.stolen_refresh_tokens.append(issue.refresh_token)
        self.stolen_access_tokens.append(issue.access)


class ConfidentialRotation(Rotation):
    """A client that keeps a secret; its thief stole that as well."""

    client = replace(PHOTOS, scopes=PHOTOS.default_scopes)


class PublicRotation(Rotation):
    """A client that anyone can pretend to be."""

    client = replace(PHONE, scopes=frozenset({"customers:read", "openid"}))


OFTEN = settings(max_examples=max(300, settings().max_examples), stateful_step_count=30)
TestConfidentialClient = ConfidentialRotation.TestCase
TestConfidentialClient.settings = OFTEN
TestPublicClient = PublicRotation.TestCase
TestPublicClient.settings = OFTEN


CLIENTS = [ConfidentialRotation.client, PublicRotation.client]


@pytest.mark.parametrize("client", CLIENTS, ids=["confidential", "public"])
@pytest.mark.parametrize("later", [MINUTE + 1, HOUR, DAY, DAY + 1, 20 * DAY])
@pytest.mark.parametrize("used_by", ["api", "refresh"])
def test_of_two_parties_with_one_token_the_second_ends_the_grant(
    client: Client, later: int, used_by: str
) -> None:
    """RFC 9700 §4.14.2. Whoever of owner and thief is first: the server cannot tell them apart."""
    shelf = Shelf(client, LIFETIMES, NOON)
    stolen = shelf.redeem(NOON).refresh_token
    first = shelf.refresh(stolen, ALL, NOON)
    if used_by == "api":
        assert shelf.call_api(first.access, NOON + 5)
    else:
        first = shelf.refresh(first.refresh_token, ALL, NOON + 5)
    with pytest.raises(InvalidGrant):
        shelf.refresh(stolen, ALL, NOON + later)
    assert shelf.ended_because == "refresh_token_reused"
    with pytest.raises(InvalidGrant):
        shelf.refresh(first.refresh_token, ALL, NOON + later)
    assert not shelf.call_api(first.access, NOON + later)


@pytest.mark.parametrize(
    ("client", "patience"),
    [(CLIENTS[0], DAY), (CLIENTS[1], MINUTE)],
    ids=["confidential", "public"],
)
def test_a_client_that_loses_every_answer_for_as_long_as_promised_is_never_signed_out(
    client: Client, patience: int
) -> None:
    """Every answer is lost a hundred times, and the last moment that counts is good enough."""
    shelf = Shelf(client, LIFETIMES, NOON)
    now, held = NOON, shelf.redeem(NOON).refresh_token
    for _ in range(100):
        lost = shelf.refresh(held, ALL, now)
        now += patience
        again = shelf.refresh(held, ALL, now)
        assert again.refresh_token == lost.refresh_token
        assert shelf.call_api(again.access, now)
        held = again.refresh_token
    assert not shelf.ended
    assert len(shelf.generations) == 101
