"""The files of a data directory change all together, wherever the change is cut short."""

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest

from flextell.data_dir import UNFINISHED, finish_change, is_changing, replace_files
from flextell.files import sync_directory

OLD = {
    "master.key": "old key",
    "ca.pem": "old authority",
    "flextell.db": "old database",
    "flextell.db-wal": "old log",
    "files/ab/old": "an old file",
    "notes.txt": "of the operator",
}
NEW = {
    "master.key": "new key",
    "leaf.pem": "new leaf",
    "flextell.db": "new database",
    "files/cd/new": "a new file",
}
# Two folders, a name, two looks at the disk, and the name that decides.
STEPS_TO_THE_DECISION = 6
KEYS_ALONE = {"master.key": "new key", "leaf.pem": "new leaf"}


class Killed(BaseException):
    """The process ends here."""


class Fate:
    """Ends the process at one of the steps that change a folder."""

    def __init__(self) -> None:
        self.steps_to_live: int | None = None

    def watched(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """The step, before which the process may end."""

        def watched(*arguments: Any, **named: Any) -> Any:
            if self.steps_to_live == 0:
                raise Killed
            if self.steps_to_live is not None:
                self.steps_to_live -= 1
            return step(*arguments, **named)

        return watched


@pytest.fixture
def fate(monkeypatch: pytest.MonkeyPatch) -> Fate:
    """When the process will be killed."""
    fate = Fate()
    for name in ("rename", "replace", "mkdir", "rmdir", "unlink"):
        monkeypatch.setattr(os, name, fate.watched(getattr(os, name)))
    monkeypatch.setattr("flextell.data_dir.sync_directory", fate.watched(sync_directory))
    return fate


def filled(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def files_in(folder: Path) -> dict[str, str]:
    paths = chain(folder.iterdir(), (folder / "files").rglob("*"))
    return {str(p.relative_to(folder)): p.read_text() for p in paths if p.is_file()}


def test_what_was_there_is_moved_aside_and_what_is_new_takes_its_place(tmp_path: Path) -> None:
    data = filled(tmp_path / "data", OLD)
    before = replace_files(data, filled(data / "staged", NEW), "monday")

    assert before == data / "before-monday"
    assert files_in(data) == {**NEW, "notes.txt": "of the operator"}
    assert files_in(before) == {n: t for n, t in OLD.items() if n != "notes.txt"}
    assert not is_changing(data)


def test_into_an_empty_folder_nothing_is_moved_aside(tmp_path: Path) -> None:
    data = filled(tmp_path / "data", {})

    assert replace_files(data, filled(data / "staged", NEW), "monday") is None
    assert files_in(data) == NEW
    assert [path.name for path in data.iterdir() if path.is_dir()] == ["files"]


def test_keys_alone_leave_the_database_and_the_files_where_they_are(tmp_path: Path) -> None:
    data = filled(tmp_path / "data", OLD)
    before = replace_files(data, filled(data / "staged", KEYS_ALONE), "monday")

    assert before is not None
    assert files_in(before) == {"master.key": "old key", "ca.pem": "old authority"}
    moved = ("master.key", "ca.pem")
    kept = {name: text for name, text in OLD.items() if name not in moved}
    assert files_in(data) == {**KEYS_ALONE, **kept}


def test_two_changes_in_one_second_keep_both_of_what_was_before(tmp_path: Path) -> None:
    data = filled(tmp_path / "data", OLD)
    first = replace_files(data, filled(data / "one", NEW), "monday")
    second = replace_files(data, filled(data / "two", NEW), "monday")

    assert first is not None
    assert second is not None
    assert files_in(first)["master.key"] == "old key"
    assert files_in(second)["master.key"] == "new key"


def test_to_finish_where_nothing_was_begun_changes_nothing(tmp_path: Path) -> None:
    data = filled(tmp_path / "data", OLD)

    assert finish_change(data) is None
    assert files_in(data) == OLD


def folders(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A data directory with something staged in it, for each moment at which one can be killed."""
    for steps in count():
        data = filled(tmp_path / f"data-{steps}", OLD)
        filled(data / "staged", NEW)
        yield steps, data


def is_changed(data: Path) -> bool:
    """Whether all of it is new and all that was there is aside; False: nothing was touched."""
    if (data / "flextell.db").read_text() == "old database":
        assert files_in(data) == OLD
        return False
    assert files_in(data) == {**NEW, "notes.txt": "of the operator"}
    assert files_in(data / "before-monday") == {n: t for n, t in OLD.items() if n != "notes.txt"}
    return True


def test_whenever_it_is_cut_short_all_of_it_or_nothing_happens(tmp_path: Path, fate: Fate) -> None:
    outcomes = []
    for steps, data in folders(tmp_path):
        fate.steps_to_live = steps
        try:
            replace_files(data, data / "staged", "monday")
        except Killed:
            fate.steps_to_live = None
        else:
            break
        decided = is_changing(data)
        finish_change(data)
        outcomes.append(is_changed(data))
        assert outcomes[-1] or not decided
        assert not is_changing(data)
    fate.steps_to_live = None

    assert outcomes == sorted(outcomes)
    assert outcomes[0] is False
    assert outcomes.count(True) > 10


def test_whoever_finishes_it_may_be_cut_short_too(tmp_path: Path, fate: Fate) -> None:
    cut_short = 0
    for steps, data in folders(tmp_path):
        fate.steps_to_live = STEPS_TO_THE_DECISION
        with pytest.raises(Killed):
            replace_files(data, data / "staged", "monday")
        assert is_changing(data)
        fate.steps_to_live = steps
        try:
            finish_change(data)
        except Killed:
            cut_short += 1
            fate.steps_to_live = None
            finish_change(data)
            assert is_changed(data)
        else:
            break
    fate.steps_to_live = None

    assert cut_short > 10


def test_a_change_that_was_not_decided_leaves_its_folder_and_no_more(
    tmp_path: Path, fate: Fate
) -> None:
    """The next restore removes it, for nobody looks into it."""
    data = filled(tmp_path / "data", OLD)
    filled(data / ".restoring.x", NEW)
    fate.steps_to_live = 3
    with pytest.raises(Killed):
        replace_files(data, data / ".restoring.x", "monday")
    fate.steps_to_live = None

    assert not (data / UNFINISHED).exists()
    assert {path.name for path in data.iterdir() if path.is_dir()} <= {
        "files",
        ".restoring.x",
        ".restoring.x.ready",
    }
    for left in data.glob(".restoring.x*"):
        shutil.rmtree(left)
    assert files_in(data) == OLD
