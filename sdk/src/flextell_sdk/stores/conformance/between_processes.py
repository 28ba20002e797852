"""What a store promises to other processes, also when they are killed."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from flextell_sdk.stores.conformance.trial import (
    ALICE,
    FIRST,
    PATIENCE,
    SECOND,
    BrokenPromise,
    OpenStore,
    Promise,
    changes,
    is_busy,
    keep,
    promised,
    promised_in_a_row,
)

PROCESSES = 4
CHANGES_BY_PROCESSES = 200


def another_process_finds_what_was_kept(open_store: OpenStore) -> None:
    """And this one what was kept there."""
    keep(open_store(), ALICE, FIRST)
    with another_process(find_and_keep, open_store) as other:
        promised(other.hears() == FIRST, "load: another process does not see the tokens.")
        promised(other.hears() == "kept", "replace: another process cannot keep tokens.")
    promised(open_store().load(ALICE) == SECOND, "load: not what another process kept.")


def another_process_is_kept_out(open_store: OpenStore) -> None:
    """This one by a hold there, whether there are tokens or not."""
    store = open_store()
    for tokens in (None, FIRST):
        keep(store, ALICE, tokens)
        with another_process(hold_until_told, open_store) as other:
            promised(other.hears() == "held", "hold: another process cannot have it.")
            promised(is_busy(store), "hold: two processes have it.")
            other.line.send("let go")
            promised(other.hears() == "let go", "hold: another process cannot let go.")
            promised(not is_busy(store), "hold: it did not end in another process.")


def a_holder_that_is_killed_lets_go(open_store: OpenStore) -> None:
    """And leaves the tokens as they were."""
    store = open_store()
    for tokens in (None, FIRST):
        keep(store, ALICE, tokens)
        with another_process(hold_until_told, open_store) as other:
            promised(other.hears() == "held", "hold: another process cannot have it.")
            other.process.kill()
            other.process.join(PATIENCE)
            with store.hold(ALICE, PATIENCE) as held:
                promised(held.tokens == tokens, "hold: a killed process changed the tokens.")


def processes_lose_no_change(open_store: OpenStore) -> None:
    """Changes by processes that begin together and take turns as they come, from no tokens on."""
    with ExitStack() as stack:
        others = [
            stack.enter_context(another_process(change_when_told, open_store))
            for _ in range(PROCESSES)
        ]
        for other in others:
            promised(other.hears() == "ready", "A process cannot open the store.")
        for other in others:
            other.line.send(CHANGES_BY_PROCESSES // PROCESSES)
        found = [other.hears() for other in others]
    promised_in_a_row(found, open_store().load(ALICE))


@dataclass(frozen=True, slots=True)
class Other:
    """Another process, and the line to it."""

    process: BaseProcess
    line: "Connection[Any, Any]"

    def hears(self) -> Any:
        """What it says next."""
        try:
            if self.line.poll(PATIENCE):
                return self.line.recv()
        except EOFError:
            pass
        raise BrokenPromise("Another process came to an end, or nowhere.")


@contextmanager
def another_process(
    work: Callable[[OpenStore, "Connection[Any, Any]"], None], open_store: OpenStore
) -> Iterator[Other]:
    """Work that a new process does for the time of the context, unless it is killed before."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=work, args=(open_store, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Other(process, ours)
    finally:
        process.kill()
        process.join(PATIENCE)
        process.close()
        ours.close()


def change_when_told(open_store: OpenStore, line: "Connection[Any, Any]") -> None:
    """What another process does: its share of the changes, when all are there."""
    store = open_store()
    line.send("ready")
    line.send(changes(store, line.recv()))
    line.recv()


def find_and_keep(open_store: OpenStore, line: "Connection[Any, Any]") -> None:
    """What another process does: say what is there, and put something else there."""
    store = open_store()
    line.send(store.load(ALICE))
    keep(store, ALICE, SECOND)
    line.send("kept")
    line.recv()


def hold_until_told(open_store: OpenStore, line: "Connection[Any, Any]") -> None:
    """What another process does: hold, say so, and let go when it is told."""
    with open_store().hold(ALICE, PATIENCE):
        line.send("held")
        line.recv()
    line.send("let go")
    line.recv()


PROMISES_TO_OTHER_PROCESSES: tuple[Promise, ...] = (
    another_process_finds_what_was_kept,
    another_process_is_kept_out,
    a_holder_that_is_killed_lets_go,
    processes_lose_no_change,
)
