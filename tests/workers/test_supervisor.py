"""Several workers under one parent: started, shared out, replaced, drained and ended."""

import json
import os
import time
from collections import Counter
from http.client import HTTPException
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGSTOP, SIGTERM, Signals

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flextell.exits import ExitCode, ExitError
from flextell.serving import check_workers
from flextell.settings import Settings
from flextell.workers import patience
from flextell.workers.patience import Patience
from flextell.workers.supervisor import settings_of
from tests.workers.conftest import WORKERS, Start, ask, eventually, is_gone, process, refuses

CLIENTS = 4 * WORKERS


@pytest.mark.parametrize(
    ("at_once", "workers", "shares"),
    [(1, 4, [1, 1, 1, 1]), (4, 4, [1, 1, 1, 1]), (8, 4, [2, 2, 2, 2]), (5, 3, [2, 2, 1])],
)
def test_what_may_be_hashed_at_once_is_shared_out_among_the_workers(
    at_once: int, workers: int, shares: list[int]
) -> None:
    """It is bounded for the sake of the machine's cores, of which more workers make no more."""
    settings = Settings(workers=workers, password_hash_workers=at_once)

    parts = [settings_of(settings, slot) for slot in range(workers)]

    assert [part.password_hash_workers for part in parts] == shares


def test_clients_are_shared_out_evenly_even_if_they_all_come_at_once(start: Start) -> None:
    node = start()

    clients = [node.connect() for _ in range(CLIENTS)]
    answered = Counter(ask(client) for client in clients)

    assert set(answered) == set(node.pids())
    assert set(answered.values()) == {CLIENTS // WORKERS}


def test_the_ready_line_comes_when_all_workers_are_and_names_the_parent(start: Start) -> None:
    node = start()

    assert node.ready["pid"] == node.process.pid
    assert len(node.pids()) == WORKERS
    assert node.health() == {
        "status": "ok",
        "failed": [],
        "workers": {str(slot): [] for slot in range(WORKERS)},
    }
    assert node.managed("/health/started")[0] == node.managed("/health/live")[0] == 200


def test_a_killed_worker_costs_its_own_requests_only_and_is_replaced(start: Start) -> None:
    node = start()

    clients = [node.connect() for _ in range(WORKERS)]
    pids = [ask(client) for client in clients]
    for client in clients:
        client.request("GET", "/wait")
    os.kill(pids[0], SIGKILL)
    with pytest.raises((HTTPException, OSError)):
        clients[0].getresponse()
    # Whoever was at its door when it died is cut off with it, until the parent has heard of it.
    eventually(lambda: any(node.health()["workers"].values()))
    newcomers = [node.connect() for _ in range(CLIENTS)]  # while one is missing
    answered = {ask(client) for client in newcomers}
    ready = node.managed("/health/ready")[0]
    node.let_go()
    kept = [int(client.getresponse().read()) for client in clients[1:]]
    eventually(lambda: node.health()["workers"] == {str(slot): [] for slot in range(WORKERS)})

    assert pids[0] not in answered
    assert kept == pids[1:]
    assert ready == 200
    assert len(node.pids()) == WORKERS
    assert "flextell_worker_restarts_total 1.0" in node.managed("/metrics")[1]


def test_when_all_workers_died_clients_wait_for_the_next(start: Start) -> None:
    node = start()

    before = node.pids()
    for pid in before:
        os.kill(pid, SIGKILL)
    eventually(lambda: all(map(is_gone, before)))
    client = node.connect()
    answered = ask(client)

    assert answered not in before


def test_a_hanging_worker_is_ended_and_replaced(start: Start) -> None:
    node = start()

    client = node.connect()
    hanging = ask(client)
    client.request("GET", "/hang")
    eventually(lambda: hanging not in node.pids())
    eventually(lambda: len(node.pids()) == WORKERS)

    assert node.managed("/health/live")[0] == 200


def test_a_node_whose_workers_all_hang_is_not_alive(start: Start) -> None:
    node = start()

    for pid in node.pids():
        os.kill(pid, SIGSTOP)

    assert node.managed("/health/live")[0] == 503
    assert node.health()["workers"] == {str(slot): ["silent"] for slot in range(WORKERS)}


def test_a_worker_that_is_not_well_is_named_and_the_node_ready_while_another_is(
    start: Start,
) -> None:
    node = start()

    (node.data_dir / "ill").touch()
    status, _ = node.managed("/health/ready")

    assert status == 503
    assert node.health()["failed"] == ["part"]
    assert node.health()["workers"] == {str(slot): ["part"] for slot in range(WORKERS)}


def test_the_workers_end_when_their_parent_is_killed(start: Start) -> None:
    """They answer first what they were asked; nobody is left who would hand on a client."""
    node = start()
    client = node.connect()
    ask(client)
    client.request("GET", "/wait")
    pids = node.pids()

    node.stop(SIGKILL)
    assert refuses(node.port)
    node.let_go()
    answered = int(client.getresponse().read())
    eventually(lambda: all(map(is_gone, pids)), 5)

    assert answered in pids


@pytest.mark.parametrize("how", [SIGTERM, SIGINT])
def test_a_signal_ends_all_after_their_answers_and_is_a_success(start: Start, how: Signals) -> None:
    node = start()
    clients = [node.connect() for _ in range(CLIENTS)]
    for client in clients:
        client.request("GET", "/wait")
    eventually(lambda: node.health()["status"] == "ok")

    node.process.send_signal(how)
    eventually(lambda: refuses(node.port))
    assert node.health()["failed"] == ["accepting"]
    node.let_go()
    answers = [client.getresponse() for client in clients]
    bodies = [answer.read() for answer in answers]
    began = time.monotonic()
    code = node.process.wait(10)
    seconds = time.monotonic() - began

    assert {answer.status for answer in answers} == {200}
    assert len(set(bodies)) == WORKERS
    assert code == ExitCode.OK
    assert seconds < 2
    assert not (node.data_dir / "ready.json").exists()


def test_ctrl_c_reaches_the_workers_through_their_parent_only(start: Start) -> None:
    """A terminal sends SIGINT to the whole group: heard twice, it would end a worker at once."""
    node = start()
    client = node.connect()
    client.request("GET", "/wait")

    os.killpg(node.process.pid, SIGINT)
    eventually(lambda: refuses(node.port))
    node.let_go()

    assert client.getresponse().status == 200
    assert node.process.wait(10) == ExitCode.OK


def test_a_draining_node_is_not_ready_and_still_takes_clients(start: Start) -> None:
    node = start(FLEXTELL_DRAIN_SECONDS="2")

    began = time.monotonic()
    node.process.send_signal(SIGTERM)
    eventually(lambda: node.managed("/health/ready")[0] == 503)
    noticed = time.monotonic() - began
    client = node.connect()
    answered = ask(client)
    code = node.process.wait(20)
    seconds = time.monotonic() - began

    assert noticed < 1
    assert answered
    assert code == ExitCode.OK
    assert 2 <= seconds < 5


def test_a_second_signal_ends_parent_and_workers_at_once(start: Start) -> None:
    node = start(FLEXTELL_DRAIN_SECONDS="600")
    pids = node.pids()

    node.process.send_signal(SIGTERM)
    eventually(lambda: node.managed("/health/ready")[0] == 503)
    seconds = node.stop(SIGTERM)

    assert seconds < 1
    assert node.process.returncode == -SIGTERM
    eventually(lambda: all(map(is_gone, pids)), 5)


def test_a_worker_told_to_leave_by_itself_is_replaced(start: Start) -> None:
    """As an operator may do, one after another."""
    node = start()
    (first, *others) = node.pids()

    os.kill(first, SIGTERM)
    eventually(lambda: first not in node.pids())
    eventually(lambda: node.health()["workers"] == {str(slot): [] for slot in range(WORKERS)})

    assert set(others) < set(node.pids())


def test_a_straggler_is_killed_in_the_end(start: Start) -> None:
    node = start(HASTY="yes")
    client = node.connect()
    client.request("GET", "/wait")
    eventually(lambda: node.health()["status"] == "ok")

    node.stop()

    assert node.process.returncode == ExitCode.OK
    assert node.process.stderr is not None
    assert '"workers_killed"' in node.process.stderr.read()


def test_what_keeps_workers_from_starting_is_told_once(tmp_path: Path) -> None:
    with process(tmp_path / "data", BROKEN="The key does not fit; find the right one.") as child:
        output, said = child.communicate(timeout=30)

    assert child.returncode == ExitCode.KEY_FILE
    assert said == "The key does not fit; find the right one.\n"
    assert output == ""


def test_one_worker_that_cannot_start_ends_all_at_once_however_long_they_drain(
    tmp_path: Path,
) -> None:
    began = time.monotonic()
    with process(
        tmp_path / "data",
        BROKEN="The key does not fit; find the right one.",
        BROKEN_WORKERS="1",
        FLEXTELL_DRAIN_SECONDS="600",
    ) as child:
        _, said = child.communicate(timeout=60)

    assert child.returncode == ExitCode.KEY_FILE
    assert said == "The key does not fit; find the right one.\n"
    assert time.monotonic() - began < 60


def test_workers_that_end_again_and_again_are_given_up(start: Start) -> None:
    node = start()

    (node.data_dir / "doom").touch()
    _, said = node.process.communicate(timeout=60)

    *logged, last = said.splitlines()
    assert node.process.returncode == ExitCode.BUG
    assert last == patience.GIVEN_UP
    assert {json.loads(line)["event"] for line in logged} == {"worker_ended"}
    assert refuses(node.port)


def test_the_metrics_of_each_worker_have_its_number(start: Start) -> None:
    node = start()

    families = {f.name: f for f in text_string_to_metric_families(node.managed("/metrics")[1])}

    started = families["process_start_time_seconds"].samples
    assert [sample.labels for sample in started] == [
        {},
        *({"worker": str(slot)} for slot in range(WORKERS)),
    ]
    assert families["flextell_workers"].samples[0].value == WORKERS


def test_no_setting_shows_in_the_list_of_processes(start: Start) -> None:
    """The URL of a database may hold a password."""
    node = start()

    lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in node.pids()]

    assert all(b"nobody@localhost" not in line for line in lines)


def test_several_workers_on_sqlite_are_refused_in_one_sentence() -> None:
    for database in ("", "sqlite:////srv/flextell.db"):
        with pytest.raises(ExitError, match="SQLite has one writer") as refused:
            check_workers(Settings(workers=2, database=database))
        assert refused.value.code == ExitCode.USAGE
    check_workers(Settings(workers=1))
    check_workers(Settings(workers=2, database="postgresql://db.example.com/flextell"))


def test_patience_waits_longer_each_time_and_forgets_after_a_good_life() -> None:
    patient = Patience()
    lived = [patient.pause_seconds(0.1, None, alone=False) for _ in range(20)]
    after_a_good_life = patient.pause_seconds(60, None, alone=True)

    assert lived == sorted(lived)
    assert lived[-1] == patience.LONGEST_PAUSE_SECONDS
    assert after_a_good_life == 0
    assert patient.pause_seconds(0.1, None, alone=True) == lived[0]


@pytest.mark.parametrize(
    ("problem", "alone", "given_up"),
    [
        (None, True, patience.GIVEN_UP),
        (ExitError("The key is lost.", ExitCode.KEY_FILE), True, "The key is lost."),
        (ExitError("It is away.", ExitCode.DATABASE), True, None),
        (None, False, None),
    ],
)
def test_patience_ends_unless_others_are_well_or_the_database_is_away(
    problem: ExitError | None, alone: bool, given_up: str | None
) -> None:
    patient = Patience()
    for _ in range(patience.MOST_FAILURES - 1):
        patient.pause_seconds(0.1, problem, alone)

    if given_up is None:
        assert patient.pause_seconds(0.1, problem, alone)
    else:
        with pytest.raises(ExitError, match=given_up):
            patient.pause_seconds(0.1, problem, alone)
