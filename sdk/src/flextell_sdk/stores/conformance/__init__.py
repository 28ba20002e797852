"""Does a token store keep its promises? One function for each, for stores of your own too.

    @pytest.mark.parametrize("promise", PROMISES)
    def test_my_store_keeps_its_promises(promise, tmp_path):
        promise(partial(MyStore, tmp_path))

A promise takes what opens the store, and raises BrokenPromise. Each call opens it once more, as
another program would, on the same place, which is empty at first. `PROMISES_TO_OTHER_PROCESSES` are
for stores that processes share: there `pickle` must be able to carry what opens them. Nothing here
needs pytest.
"""

from flextell_sdk.stores.conformance.between_processes import PROMISES_TO_OTHER_PROCESSES
from flextell_sdk.stores.conformance.in_one_process import PROMISES
from flextell_sdk.stores.conformance.trial import BrokenPromise, OpenStore, Promise

__all__ = ["PROMISES", "PROMISES_TO_OTHER_PROCESSES", "BrokenPromise", "OpenStore", "Promise"]
