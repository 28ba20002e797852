"""Every store keeps every promise, and the promises catch stores that do not."""

import pytest

from flextell_sdk.stores.conformance import (
    PROMISES,
    PROMISES_TO_OTHER_PROCESSES,
    OpenStore,
    Promise,
)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_each_store_keeps_its_promise(promise: Promise, place: OpenStore) -> None:
    promise(place)


@pytest.mark.parametrize(
    "promise", PROMISES_TO_OTHER_PROCESSES, ids=lambda promise: promise.__name__
)
def test_each_store_keeps_its_promise_to_other_processes(
    promise: Promise, shared_place: OpenStore
) -> None:
    promise(shared_place)
