"""Many threads, tasks and processes at one guard: one question each for all of them."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flextell_sdk.guard import Guard, RevokedToken
from sdk.tests.guard.issuer import FEED, INTROSPECTION, Issuer, bearer, settled

MANY = 64


def answered_when_all_have_begun(issuer: Issuer, path: str) -> threading.Semaphore:
    """The path is answered once `MANY` have released the result."""
    begun = threading.Semaphore(0)

    def wait_for_all(asked: str) -> None:
        if asked == path:
            for _ in range(MANY):
                assert begun.acquire(timeout=30)

    issuer.before = wait_for_all
    return begun


@pytest.mark.parametrize("has_feed", [True, False])
def test_one_question_tells_all_that_a_token_is_over(has_feed: bool) -> None:
    issuer = Issuer(has_feed=has_feed)
    guard, token = issuer.guard(), issuer.token()
    guard.check(bearer(token))
    issuer.revoke("grant-1")
    issuer.inactive.add(token)
    issuer.clock.advance(3)
    path = FEED if has_feed else INTROSPECTION
    begun = answered_when_all_have_begun(issuer, path)

    def is_refused(_: int) -> bool:
        begun.release()
        try:
            guard.check(bearer(token))
        except RevokedToken:
            return True
        return False

    with ThreadPoolExecutor(MANY) as threads:
        refused = list(threads.map(is_refused, range(MANY)))

    assert all(refused)
    assert issuer.asked[path] == 2


def test_two_tokens_are_two_questions() -> None:
    issuer = Issuer(has_feed=False)
    guard, good, bad = issuer.guard(), issuer.token(), issuer.token(jti="grant-2.1")
    issuer.inactive.add(bad)

    with ThreadPoolExecutor(2) as threads:
        kept = threads.submit(guard.check, bearer(good))
        lost = threads.submit(guard.check, bearer(bad))

    assert kept.result().jti == "grant-1.1"
    assert isinstance(lost.exception(), RevokedToken)
    assert issuer.asked[INTROSPECTION] == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_child_of_a_fork_goes_on_with_what_its_parent_knew_and_asks_by_itself() -> None:
    """As gunicorn does it with preload_app: the parent's threads and locks are not there."""
    issuer = Issuer()
    guard = issuer.guard()
    guard.check(bearer(issuer.token()))
    settled(guard)
    issuer.clock.advance(3)
    under_way = threading.Event()
    go_on = threading.Event()

    def hold(_: str) -> None:
        under_way.set()
        go_on.wait(30)

    issuer.before = hold
    waiting = threading.Thread(target=guard.check, args=[bearer(issuer.token())])
    waiting.start()
    assert under_way.wait(30)

    child = os.fork()
    if child == 0:
        os._exit(in_the_child(issuer, guard))
    go_on.set()
    waiting.join()
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def in_the_child(issuer: Issuer, guard: Guard) -> int:
    """0 if the guard works there, by its own question and not by its parent's."""
    signal.alarm(30)
    issuer._lock = threading.Lock()
    issuer.before = lambda _: None
    asked_before = issuer.asked[FEED]
    try:
        caller = guard.check(bearer(issuer.token()))
    except BaseException:  # noqa: BLE001 - the child must not go on with the parent's tests
        return 1
    return 0 if caller.subject == "alice" and issuer.asked[FEED] == asked_before + 1 else 2
