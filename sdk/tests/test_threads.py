"""Threads for refreshes: as many as there is work for, up to a limit, and none without work."""

import threading
from functools import partial

import pytest

from flextell_sdk.threads import Threads
from sdk.tests.faults import Crash


def test_work_is_done_in_another_thread() -> None:
    assert Threads(1).submit(threading.get_ident).result(30) != threading.get_ident()


def test_no_more_work_than_that_is_done_at_once() -> None:
    threads = Threads(3)
    three_are_busy, go_on = threading.Barrier(4), threading.Event()
    busy: list[int] = []

    def work() -> None:
        busy.append(1)
        if len(busy) <= 3:
            three_are_busy.wait(30)
            go_on.wait(30)

    futures = [threads.submit(work) for _ in range(10)]
    three_are_busy.wait(30)
    at_once = len(busy)
    go_on.set()
    for future in futures:
        future.result(30)

    assert at_once == 3
    assert len(busy) == 10


def test_without_work_there_is_no_thread_and_then_there_is_again() -> None:
    threads = Threads(2)
    worker = threads.submit(threading.current_thread).result(30)
    worker.join(30)

    assert not worker.is_alive()
    assert threads.submit(lambda: "done").result(30) == "done"


def test_to_join_is_to_wait_for_all_that_was_begun() -> None:
    threads = Threads(1)
    futures = [threads.submit(partial(str, number)) for number in range(100)]
    threads.join()

    assert [future.result(0) for future in futures] == [str(number) for number in range(100)]


@pytest.mark.parametrize("kind", [LookupError, Crash])
def test_what_is_raised_is_handed_to_whoever_waits_and_the_thread_goes_on(
    kind: type[BaseException],
) -> None:
    threads = Threads(1)

    def fail() -> None:
        raise kind

    failed, next_one = threads.submit(fail), threads.submit(lambda: "done")
    with pytest.raises(kind):
        failed.result(30)

    assert next_one.result(30) == "done"


def test_where_no_thread_can_be_started_the_work_is_done_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As at the end of the interpreter, when a refresh may still be needed."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert Threads(1).submit(threading.get_ident).result(0) == threading.get_ident()
