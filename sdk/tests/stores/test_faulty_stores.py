"""The promises catch stores that break them: at least one for each promise."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from flextell_sdk.errors import StoreError
from flextell_sdk.stores import FileStore, MemoryStore
from flextell_sdk.stores.conformance import (
    PROMISES,
    PROMISES_TO_OTHER_PROCESSES,
    BrokenPromise,
    Promise,
    between_processes,
    in_one_process,
    trial,
)
from sdk.tests.stores import faulty_stores as faulty
from sdk.tests.stores.places import InFolder, InMemory

FAULTS: Mapping[Promise, tuple[type[MemoryStore], ...]] = {
    in_one_process.an_unknown_grant_has_no_tokens: (faulty.KnowsNoNew,),
    in_one_process.what_was_kept_is_there_when_replace_returns: (faulty.CommitsAtTheEnd,),
    in_one_process.every_field_comes_back: (faulty.LosesAField,),
    in_one_process.any_text_is_a_key: (faulty.CutsKeys, faulty.IgnoresCase),
    in_one_process.grants_have_nothing_to_do_with_each_other: (faulty.DropsAll,),
    in_one_process.a_hold_shows_the_newest_tokens: (faulty.InsertsOnly, faulty.ShowsTheOneBefore),
    in_one_process.a_mistake_in_a_hold_changes_nothing_and_lets_go: (
        faulty.NeverLetsGo,
        faulty.SwallowsMistakes,
    ),
    in_one_process.a_hold_is_good_for_one_change: (faulty.NeverEnds,),
    in_one_process.a_hold_keeps_others_out: (faulty.HoldsNothing, faulty.NeverLetsGo),
    in_one_process.who_waits_gets_the_hold_and_the_newest_tokens: (faulty.ShowsTheOneBefore,),
    in_one_process.holds_of_different_grants_do_not_wait_for_each_other: (faulty.HoldsAll,),
    in_one_process.load_does_not_wait_for_whoever_holds: (faulty.LoadWaits,),
    in_one_process.threads_lose_no_change: (faulty.HoldsNothing, faulty.ShowsTheOneBefore),
    in_one_process.whoever_holds_sees_the_last_change: (
        faulty.HoldsNothing,
        faulty.ShowsTheOneBefore,
    ),
    in_one_process.nothing_secret_is_shown: (faulty.ShowsTokens,),
}
FAULTS_OF_FILES: Mapping[Promise, type[FileStore]] = {
    between_processes.another_process_is_kept_out: faulty.HoldsNoFile,
    between_processes.a_holder_that_is_killed_lets_go: faulty.HoldsByBeingThere,
    between_processes.processes_lose_no_change: faulty.HoldsNoFile,
}


def test_each_promise_has_a_store_that_breaks_it() -> None:
    of_files = {*FAULTS_OF_FILES, between_processes.another_process_finds_what_was_kept}

    assert set(FAULTS) == set(PROMISES)
    assert of_files == set(PROMISES_TO_OTHER_PROCESSES)


@pytest.mark.parametrize(
    ("promise", "store"),
    [(promise, store) for promise, stores in FAULTS.items() for store in stores],
)
def test_a_broken_promise_is_found(
    promise: Promise, store: type[MemoryStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "PATIENCE", 0.3)  # what never comes need not be waited for

    with pytest.raises((BrokenPromise, StoreError, KeyError)):
        promise(InMemory(store()))


@pytest.mark.parametrize(("promise", "store"), FAULTS_OF_FILES.items())
def test_a_promise_broken_to_other_processes_is_found(
    promise: Promise, store: type[FileStore], tmp_path: Path
) -> None:
    with pytest.raises((BrokenPromise, StoreError)):
        promise(InFolder(tmp_path / "tokens", store))


def test_a_store_that_only_one_process_sees_is_found() -> None:
    with pytest.raises(BrokenPromise):
        between_processes.another_process_finds_what_was_kept(MemoryStore)
