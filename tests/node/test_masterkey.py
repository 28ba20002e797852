"""The file of the master key, when several processes of a new server look for it at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from flextell import masterkey
from flextell.sources import SYSTEM

AT_ONCE = 16


def test_of_many_that_make_the_key_at_once_all_get_the_same(tmp_path: Path) -> None:
    """Nobody reads half of what another is writing, and nothing is left behind."""
    path, together = tmp_path / "master.key", Barrier(AT_ONCE)

    def make(_: int) -> bytes:
        together.wait()
        return masterkey.create(path, SYSTEM.random)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        made = set(threads.map(make, range(AT_ONCE)))

    assert made == {masterkey.load(path)}
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600
