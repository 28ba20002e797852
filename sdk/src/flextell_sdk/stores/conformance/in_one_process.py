"""What a store promises to all who open it: what is kept is found, and one at a time holds."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

from flextell_sdk.stores.conformance.trial import (
    ALICE,
    BOB,
    FIRST,
    OF_BOB,
    PATIENCE,
    SECOND,
    BrokenPromise,
    OpenStore,
    Promise,
    changes,
    elsewhere,
    in_time,
    is_busy,
    is_over,
    keep,
    promised,
    promised_in_a_row,
)
from flextell_sdk.stores.protocol import TokenStore
from flextell_sdk.tokens import Tokens

KINDS_OF_TOKENS = (
    Tokens("a"),
    Tokens("a" * 8000, "r" * 8000, " ".join(f"scope{n}" for n in range(500)), id_token="i" * 8000),
    Tokens("a", "r", "s", 1893456000.25, 3600.0, "i", -600.5, 2**40),
    Tokens("", scope="s", ended="Алиса 🔑 took it back."),
    Tokens('\0\n"\ud800', "Ω≈ç√", "é e\u0301"),
)
KEYS = (
    *("", " ", "alice", "Alice", "alice ", "älice", "a\u0308lice", "алиса", "alice\n", "alice\0"),
    *("../alice", "alice/..", "%", "_", "'; --", "con", "\ud800", "k" * 5000, "k" * 4999 + "l"),
)

THREADS = 8
CHANGES_BY_THREADS = 1000
HOLDS_BY_EACH = 25


def an_unknown_grant_has_no_tokens(open_store: OpenStore) -> None:
    """`load` and `Held.tokens` are None, and dropping what is not there is no mistake."""
    store = open_store()
    promised(store.load(ALICE) is None, "load: there were tokens in an empty store.")
    with store.hold(ALICE, PATIENCE) as held:
        promised(held.tokens is None, "hold: there were tokens in an empty store.")
        held.replace(None)
    promised(store.load(ALICE) is None, "load: there are tokens after none were kept.")


def what_was_kept_is_there_when_replace_returns(open_store: OpenStore) -> None:
    """Before the context ends, for whoever opened the store earlier or opens it later."""
    store, earlier = open_store(), open_store()
    with store.hold(ALICE, PATIENCE) as held:
        held.replace(FIRST)
        promised(earlier.load(ALICE) == FIRST, "replace: others do not see the tokens.")
        promised(open_store().load(ALICE) == FIRST, "replace: the tokens are not durable.")
    promised(store.load(ALICE) == FIRST, "replace: the tokens are gone after the hold.")


def every_field_comes_back(open_store: OpenStore) -> None:
    """Whatever may be in tokens: nothing, much, and all scripts."""
    store = open_store()
    for tokens in KINDS_OF_TOKENS:
        keep(store, ALICE, tokens)
        promised(open_store().load(ALICE) == tokens, "load: a field is not as it was kept.")
        with store.hold(ALICE, PATIENCE) as held:
            promised(held.tokens == tokens, "hold: a field is not as it was kept.")


def any_text_is_a_key(open_store: OpenStore) -> None:
    """Long, empty, of any script, with line ends, or different in no more than case."""
    store = open_store()
    for number, key in enumerate(KEYS):
        keep(store, key, replace(FIRST, version=number))
    for number, key in enumerate(KEYS):
        found = open_store().load(key)
        promised(found is not None, "load: there are no tokens under a key that has some.")
        promised(found == replace(FIRST, version=number), "load: they are those of another key.")


def grants_have_nothing_to_do_with_each_other(open_store: OpenStore) -> None:
    """Tokens of one key never appear, change or go with those of another."""
    store = open_store()
    keep(store, ALICE, FIRST)
    promised(store.load(BOB) is None, "load: Alice's tokens appeared under Bob's key.")
    keep(store, BOB, OF_BOB)
    promised(store.load(ALICE) == FIRST, "replace: Bob's tokens changed Alice's.")
    keep(store, ALICE, None)
    promised(store.load(ALICE) is None, "replace: Alice's tokens are still there.")
    promised(store.load(BOB) == OF_BOB, "replace: Bob's tokens went with Alice's.")
    keep(store, ALICE, SECOND)
    promised(store.load(ALICE) == SECOND, "replace: what was dropped cannot begin anew.")


def a_hold_shows_the_newest_tokens(open_store: OpenStore) -> None:
    """Whatever this store had read before."""
    store, other = open_store(), open_store()
    keep(store, ALICE, FIRST)
    promised(other.load(ALICE) == FIRST, "load: the tokens are not the newest.")
    keep(store, ALICE, SECOND)
    with other.hold(ALICE, PATIENCE) as held:
        promised(held.tokens == SECOND, "hold: the tokens are not the newest.")
    promised(other.load(ALICE) == SECOND, "load: the tokens are not the newest.")


def a_mistake_in_a_hold_changes_nothing_and_lets_go(open_store: OpenStore) -> None:
    """The caller's own exception comes back to it, and leaves the old tokens."""
    store = open_store()
    keep(store, ALICE, FIRST)
    try:
        with store.hold(ALICE, PATIENCE):
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    else:
        raise BrokenPromise("hold: an exception of the caller's own was lost.")
    promised(store.load(ALICE) == FIRST, "hold: an exception changed the tokens.")
    promised(not is_busy(open_store()), "hold: it did not end with an exception.")


def a_hold_is_good_for_one_change(open_store: OpenStore) -> None:
    """After `replace`, and after its context, it raises StoreError and changes nothing."""
    store = open_store()
    with store.hold(ALICE, PATIENCE) as held:
        held.replace(FIRST)
        promised(is_over(held), "hold: it can be used after `replace`.")
    with store.hold(ALICE, PATIENCE) as unused:
        pass
    promised(is_over(unused), "hold: it can be used after its context.")
    promised(store.load(ALICE) == FIRST, "hold: it was over, and changed the tokens.")


def a_hold_keeps_others_out(open_store: OpenStore) -> None:
    """Who waits too long is told StoreBusy, whether there are tokens or not."""
    store = open_store()
    for other in (store, open_store()):
        with store.hold(ALICE, PATIENCE) as held:
            promised(in_time(elsewhere(is_busy, other)), "hold: two threads have it.")
            held.replace(FIRST)
        promised(not in_time(elsewhere(is_busy, other)), "hold: it did not end.")


def who_waits_gets_the_hold_and_the_newest_tokens(open_store: OpenStore) -> None:
    """Not what was newest when the wait began."""
    store, other, began = open_store(), open_store(), Event()
    keep(store, ALICE, FIRST)

    def wait() -> Tokens | None:
        began.set()
        with other.hold(ALICE, PATIENCE) as held:
            return held.tokens

    with store.hold(ALICE, PATIENCE) as held:
        waiting = elsewhere(wait)
        began.wait(PATIENCE)
        held.replace(SECOND)
    promised(in_time(waiting) == SECOND, "hold: after a wait the tokens are not the newest.")


def holds_of_different_grants_do_not_wait_for_each_other(open_store: OpenStore) -> None:
    """A refresh takes long, and there are many grants."""
    store = open_store()
    keep(store, BOB, OF_BOB)
    with store.hold(ALICE, PATIENCE) as held:
        in_time(elsewhere(keep, open_store(), BOB, SECOND))
        promised(store.load(BOB) == SECOND, "hold: another grant cannot be changed.")
        promised(held.tokens is None, "hold: another grant's tokens appeared in it.")


def load_does_not_wait_for_whoever_holds(open_store: OpenStore) -> None:
    """What is there is still good while somebody gets something better."""
    store = open_store()
    keep(store, ALICE, FIRST)
    for other in (store, open_store()):
        with store.hold(ALICE, PATIENCE):
            promised(in_time(elsewhere(other.load, ALICE)) == FIRST, "load: a hold changed it.")


def threads_lose_no_change(open_store: OpenStore) -> None:
    """A thousand changes by threads that take turns as they come, from no tokens on."""
    stores = [open_store(), open_store()] * (THREADS // 2)
    each = CHANGES_BY_THREADS // THREADS
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(changes, stores, [each] * THREADS))
    promised_in_a_row(found, open_store().load(ALICE))


def whoever_holds_sees_the_last_change(open_store: OpenStore) -> None:
    """Also of a grant that begins and is dropped all the time, by many at once."""
    last: list[Tokens | None] = [None]

    def take_turns(store: TokenStore) -> bool:
        seen = []
        for _ in range(HOLDS_BY_EACH):
            with store.hold(ALICE, PATIENCE) as held:
                seen.append(held.tokens == last[0])
                last[0] = FIRST if last[0] is None else None
                held.replace(last[0])
        return all(seen)

    stores = [open_store() for _ in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        promised(all(pool.map(take_turns, stores)), "hold: two have it, or see old tokens.")


def nothing_secret_is_shown(open_store: OpenStore) -> None:
    """No `repr` of a store or of a hold tells a token."""
    store = open_store()
    keep(store, ALICE, FIRST)
    with store.hold(ALICE, PATIENCE) as held:
        shown = f"{store!r} {held!r} {getattr(store, '__dict__', '')!r}"
    promised("access-token-1" not in shown, "repr: it shows an access token.")
    promised("refresh-token-1" not in shown, "repr: it shows a refresh token.")


PROMISES: tuple[Promise, ...] = (
    an_unknown_grant_has_no_tokens,
    what_was_kept_is_there_when_replace_returns,
    every_field_comes_back,
    any_text_is_a_key,
    grants_have_nothing_to_do_with_each_other,
    a_hold_shows_the_newest_tokens,
    a_mistake_in_a_hold_changes_nothing_and_lets_go,
    a_hold_is_good_for_one_change,
    a_hold_keeps_others_out,
    who_waits_gets_the_hold_and_the_newest_tokens,
    holds_of_different_grants_do_not_wait_for_each_other,
    load_does_not_wait_for_whoever_holds,
    threads_lose_no_change,
    whoever_holds_sees_the_last_change,
    nothing_secret_is_shown,
)
