"""Programs that share a grant, and all that happens to them: nobody is signed out by accident.

Clocks are wrong and are set, answers are lost, disks are full, programs die at any instant. What is
promised is checked against what the server and the store saw, not against what the SDK believes.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from unittest.mock import patch

import httpx2
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flextell_sdk.app import App
from flextell_sdk.client import Client
from flextell_sdk.errors import SignInAgain, StoreError, Unauthorized, Unreachable
from flextell_sdk.grant import LONGEST_QUIET_SECONDS
from flextell_sdk.grants import Grants
from sdk.tests.fake_server import TOKEN, Rotation
from sdk.tests.faults import Answer, Crash, Fault, cut_short, is_lost, never_arrives, says
from sdk.tests.watched_store import disk_full
from sdk.tests.world import DEAD, FRESH, STALE, World, some_trust

picks = st.integers(0, 7)
clocks = st.sampled_from([-600.0, -1.0, 0.0, 1.0, 600.0])
pauses = st.sampled_from([0.5, 60.0, FRESH, STALE, DEAD, 2 * DEAD, 30 * 24 * 3600.0])
# The server does nothing of what it is asked; or does it, and nobody hears.
REFUSALS: Sequence[Fault] = (says(503), says(429, retry_after="1"), never_arrives())
LOSSES: Sequence[Fault] = (is_lost(), cut_short, says(200, b"<html>"))


def die() -> None:
    raise Crash


class SharedGrant(RuleBasedStateMachine):
    """Alice's grant, and the programs that have it."""

    rotation: Rotation
    losses: Sequence[Fault] = LOSSES

    def __init__(self) -> None:
        super().__init__()
        self._quick = patch.object(App, "trust", some_trust)
        self._quick.start()
        self.world = World()
        self.world.server.rotation = self.rotation
        self.world.server.before_use = self._was_kept
        self.programs = [self.world.photos]
        self.revoked = False
        self.calls = 0

    def teardown(self) -> None:
        self.world.settle()
        self._quick.stop()

    @initialize()
    def alice_signs_in(self) -> None:
        self.world.alice()

    # Programs come and go.

    @precondition(lambda self: len(self.programs) < 4)
    @rule(wrong_by=clocks)
    def a_program_starts(self, wrong_by: float) -> None:
        sources = self.world.clock.sources(wrong_by=wrong_by)
        self.programs.append(self.world.program(sources))

    @rule(pick=picks)
    def a_program_dies(self, pick: int) -> None:
        self._drop(self._program(pick))

    @rule(pick=picks, before=st.booleans())
    def a_program_dies_while_it_keeps_tokens(self, pick: int, before: bool) -> None:
        steps = self.world.store.before_replace if before else self.world.store.after_replace
        if before and self.rotation is Rotation.ONCE:
            return
        steps.append(die)
        self._dies_perhaps(pick)

    @rule(pick=picks, asked=st.booleans())
    def a_program_dies_while_it_asks(self, pick: int, asked: bool) -> None:
        if asked and self.rotation is Rotation.ONCE:
            return
        self.world.server.instead(TOKEN, is_lost(Crash) if asked else never_leaves)
        self._dies_perhaps(pick)

    # Alice uses them.

    @rule(pick=picks)
    def alice_calls(self, pick: int) -> None:
        self.calls += 1
        self._call(self._program(pick))

    @rule()
    def every_program_calls_at_once(self) -> None:
        self.calls += 1
        everyone = threading.Barrier(2 * len(self.programs))

        def call(program: Grants) -> None:
            everyone.wait(30)
            self._call(program)

        with ThreadPoolExecutor(2 * len(self.programs)) as threads:
            list(threads.map(call, self.programs * 2))

    @rule(pick=picks)
    def alice_signs_in_again(self, pick: int) -> None:
        """The server has one permission of hers for an app: what came of the last one ends."""
        program = self._program(pick)
        program.exchange_code(self.world.come_back(grants=program), "alice")
        for permission in self.world.server.permissions[:-1]:
            permission.ended = True
        self.revoked = False

    @precondition(lambda self: not self.revoked and self.calls > 4)
    @rule(pick=picks)
    def alice_signs_out(self, pick: int) -> None:
        self._program(pick).open("alice").sign_out()
        self.revoked = True

    @precondition(lambda self: not self.revoked and self.calls > 4)
    @rule()
    def alice_revokes_it_at_the_server(self) -> None:
        for permission in self.world.server.permissions:
            permission.ended = True
        self.revoked = True

    # Things go wrong.

    @rule(pick=picks, faults=st.lists(st.sampled_from(range(7)), max_size=10))
    def the_network_is_bad(self, pick: int, faults: list[int]) -> None:
        choice = (*REFUSALS, *self.losses)
        self.world.server.instead(TOKEN, *(choice[fault % len(choice)] for fault in faults))
        with suppress(Unreachable):
            self._call(self._program(pick))
        self._calm_down()

    @rule(pick=picks)
    def the_disk_is_full_for_a_moment(self, pick: int) -> None:
        self.world.store.before_replace.append(disk_full)
        program = self._program(pick)
        try:
            self._call(program)
        except StoreError:
            self._call(program)
        self._calm_down()
        # What it could not keep is in its memory alone: it is given the time to keep it.
        self.world.clock.move(LONGEST_QUIET_SECONDS)
        self._call(program)
        self._calm_down()

    @rule()
    def the_server_forgets_its_access_tokens(self) -> None:
        self.world.server.revoke_access()

    @rule(seconds=pauses)
    def time_passes(self, seconds: float) -> None:
        self.world.clock.move(seconds)

    @rule(seconds=clocks)
    def the_clocks_are_set(self, seconds: float) -> None:
        self.world.clock.jumped = seconds

    # What must always be so.

    @invariant()
    def nobody_is_signed_out_who_did_not_revoke(self) -> None:
        kept = self.world.kept()
        assert self.revoked or not (kept and kept.ended), kept

    @invariant()
    def versions_follow_one_another(self) -> None:
        versions = [tokens.version for tokens in self.world.store.kept if tokens]
        assert versions == list(range(1, len(versions) + 1))

    @invariant()
    def no_refresh_token_is_shown_by_two_at_a_time(self) -> None:
        assert self.world.server.overlapped == []

    def _was_kept(self, access_token: str) -> None:
        assert access_token in self.world.store.access_tokens(), "used before it was kept"

    # How it is done.

    def _program(self, pick: int) -> Grants:
        return self.programs[pick % len(self.programs)]

    def _drop(self, program: Grants) -> None:
        """It is gone, and all that it had in memory; another takes its place."""
        self.world.settle()
        self.programs.remove(program)
        if not self.programs:
            self.programs.append(self.world.program())

    def _dies_perhaps(self, pick: int) -> None:
        program = self._program(pick)
        with suppress(Crash):
            self._call(program)
        self._drop(program)
        self._calm_down()

    def _calm_down(self) -> None:
        """What did not go wrong yet does not any more; what goes on in the background ends."""
        self.world.settle()
        self.world.server.calm()
        self.world.store.before_replace.clear()
        self.world.store.after_replace.clear()

    def _call(self, program: Grants) -> None:
        """It succeeds unless she revoked; while refreshes do not help it may take minutes."""
        must_sign_in = False
        try:
            self._call_patiently(Client(program.open("alice")))
        except SignInAgain:
            must_sign_in = True
        assert must_sign_in == self.revoked, "signed out by accident, or not signed out at all"

    def _call_patiently(self, client: Client) -> None:
        for _ in range(2):
            with suppress(Unauthorized):
                client.about()
                return
            self.world.clock.move(LONGEST_QUIET_SECONDS)
        client.about()


def never_leaves(_: Answer) -> httpx2.Response:
    """The program dies before it has asked."""
    raise Crash


class Idempotent(SharedGrant):
    """A server that gives a lost answer again."""

    rotation = Rotation.IDEMPOTENT


class WithoutRotation(SharedGrant):
    """A server that leaves refresh tokens as they are."""

    rotation = Rotation.NEVER


class GoodOnce(SharedGrant):
    """A server that takes a refresh token shown twice for stolen: no answer of it may be lost."""

    rotation = Rotation.ONCE
    losses = ()


OFTEN = settings(max_examples=2 * settings().max_examples, stateful_step_count=30)
TestIdempotentServer = Idempotent.TestCase
TestIdempotentServer.settings = OFTEN
TestServerWithoutRotation = WithoutRotation.TestCase
TestServerWithoutRotation.settings = OFTEN
TestServerWhoseTokensAreGoodOnce = GoodOnce.TestCase
TestServerWhoseTokensAreGoodOnce.settings = OFTEN


def test_the_invariants_would_notice_a_grant_that_is_lost() -> None:
    """A server whose tokens are good once, and an answer that is lost."""
    machine = GoodOnce()
    machine.alice_signs_in()
    machine.world.clock.move(DEAD)
    machine.world.server.instead(TOKEN, is_lost())
    with pytest.raises(AssertionError, match="by accident"):
        machine.alice_calls(0)
    with pytest.raises(AssertionError):
        machine.nobody_is_signed_out_who_did_not_revoke()
    machine.teardown()
