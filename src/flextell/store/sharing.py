"""Brief units of work that share one PostgreSQL transaction: one commit, set-based statements.

Each unit is an ordinary function. It runs until it asks something, and is left standing there (a
greenlet); what all of them ask goes to the server at once, and each goes on with its answer. So a
group of refreshes is four round trips, however many they are. Three rules keep units apart as if
each had a transaction of its own:

- Units that claimed the same may all look at it. The first that changes something goes on; the
  others saw what is no longer so, and begin again.
- Nobody is told anything that depends on a claim or a change before it is committed.
- A unit that asks a statement that is not made for many, or makes a mistake after it changed
  something, or meets a lock that somebody else holds for long, has a transaction of its own: it
  is run again from its start.

A group is walled to the tenants of its members (`wall`): who has not said yet whose rows it needs
asks before the wall is closed, or after it was opened again, in the same round trip.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from flextell.store.line import Call, Line
from flextell.store.port import Unit
from flextell.store.sight import Sight
from flextell.store.statement import Effect, Statement, Values, for_many, packed
from flextell.store.transaction import Alone, Question, Row
from flextell.store.unit import SqlUnit, perform
from flextell.store.wall import narrow

A = TypeVar("A")
B = TypeVar("B")

Rows = Sequence[Row]
Key = Any

BEGIN: Call = ("BEGIN ISOLATION LEVEL READ COMMITTED", ())
COMMIT: Call = ("COMMIT", ())
ROLLBACK: Call = ("ROLLBACK", ())


class Spoiled(Exception):
    """A unit made a mistake after it had changed something: nothing of the group can be kept."""


@dataclass(slots=True, eq=False)
class Job:
    """A unit of work, the future of its outcome, and where it stands."""

    work: Callable[[Unit], Any]
    future: "asyncio.Future[Any]"
    asked_at: float
    running: greenlet = field(default_factory=lambda: greenlet(perform))
    questions: Sequence[tuple[Statement, Values]] = ()
    answers: list[Rows] = field(default_factory=list)
    changed: bool = False
    outdated: bool = False
    claimed: list[Key] = field(default_factory=list)
    tenants: frozenset[int] | None = None
    result: Any = None
    error: BaseException | None = None

    @property
    def walled(self) -> bool:
        """Whether it has said whose rows it needs."""
        return self.tenants is not None

    def abandon(self) -> None:
        """Let the unit not go on from where it stands."""
        if self.running:
            self.running.throw(GreenletExit)

    def give_up(self, problem: Exception) -> None:
        """Stop where it stands, and tell the waiting task why."""
        self.abandon()
        self.settle(error=problem)

    def settle(self, result: Any = None, error: BaseException | None = None) -> None:
        """Tell the waiting task, unless it was cancelled or knows already."""
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


Place = tuple[Job, int]
"""A job, and which of its questions."""

Kind = tuple[bool, Statement]
"""A statement, and whether those who ask it are walled."""


class Shared:
    """`transaction.Transaction` for one unit of a group: questions go to the group."""

    __slots__ = ("_group", "_job")
    locks_rows = True

    def __init__(self, group: "Group", job: Job) -> None:
        self._group = group
        self._job = job

    def one(self, sql: str | Statement, **values: Any) -> Row | None:
        rows = self.all(sql, **values)
        return rows[0] if rows else None

    def all(self, sql: str | Statement, **values: Any) -> Rows:
        if isinstance(sql, str):
            self._leave()
        return self.several((sql, values))[0]

    def several(self, *questions: Question) -> list[Rows]:
        return _ask([(statement, statement.values(values)) for statement, values in questions])

    def both(self, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
        said = _beside_each_other(first, second)
        return said[0], said[1]

    def add(self, statement: Statement, **values: Any) -> None:
        self._group.note_change(self._job)
        self._group.changes[self._job.walled, statement].append(statement.values(values))

    def each(self, statement: Statement, many: Iterable[Mapping[str, Any]]) -> None:
        for values in many:
            self.add(statement, **values)

    def run(self, sql: str, **values: Any) -> int:
        self._leave()

    def serialise(self, what: int) -> None:
        self._leave()

    def alone(self, what: int) -> bool:
        self._leave()

    def within(self, tenants: Collection[int]) -> None:
        self._job.tenants = narrow(self._job.tenants, tenants)
        self._group.sight.admit(tenants)

    def takes_long(self) -> None:
        self._leave()

    def _leave(self) -> NoReturn:
        _ask(None)
        raise AssertionError("a unit that left its group goes on")


class Group:
    """Units that share a transaction, from its beginning to its end."""

    def __init__(self, line: Line, code_retention_seconds: int) -> None:
        self.changes: dict[Kind, list[Values]] = defaultdict(list)
        self.sight = Sight()
        self._line = line
        self._code_retention_seconds = code_retention_seconds
        self._began = False
        self._asking: list[Job] = []
        self._holders: dict[Key, set[Job]] = defaultdict(set)
        self._ended: list[Job] = []
        self._alone: list[Job] = []
        self.committing = False

    async def run(self, jobs: Sequence[Job]) -> None:
        """Run them all; those are settled that can be. Raises psycopg.Error, Spoiled."""
        for job in jobs:
            self._start(job)
        while self._asking:
            await self._ask()
        await self._commit()
        for job in self._ended:
            job.settle(job.result, job.error)

    def note_change(self, job: Job) -> None:
        """A unit changes something: whoever claimed the same and has not ended begins again."""
        job.changed = True
        for key in job.claimed:
            for other in self._holders[key] - {job}:
                other.outdated = True

    def _start(self, job: Job) -> None:
        unit = SqlUnit(Shared(self, job), self._code_retention_seconds)
        self._go_on(job, job.work, unit)

    def _go_on(self, job: Job, *answer: Any) -> None:
        """Let the unit run until it asks again, ends, or needs a transaction of its own."""
        try:
            said = job.running.switch(*answer)
        except BaseException as error:
            if job.changed:
                raise Spoiled from error
            job.error = error
            self._end(job)
            return
        if job.running.dead:
            job.result = said
            self._end(job)
        elif said is not None:
            job.questions, job.answers = said, [()] * len(said)
            self._asking.append(job)
        elif job.changed:
            raise Spoiled
        else:
            job.abandon()
            self._alone.append(job)
            self._release(job)

    def _end(self, job: Job) -> None:
        if job.changed or job.claimed:
            self._ended.append(job)
        else:  # it saw nothing that could still be undone
            job.settle(job.result, job.error)
        self._release(job)

    def _release(self, job: Job) -> None:
        for key in job.claimed:
            self._holders[key].discard(job)

    def _start_again(self, job: Job) -> None:
        if job.changed:
            raise Spoiled
        self._release(job)
        job.abandon()
        job.claimed.clear()
        job.outdated = False
        job.tenants = None
        job.running = greenlet(perform)
        self._start(job)

    async def _ask(self) -> None:
        """One round trip: what all of them ask now, and before it what was changed."""
        for job in [job for job in self._asking if job.outdated]:
            self._asking.remove(job)
            self._start_again(job)
        asking, self._asking = self._asking, []
        if not asking:
            return
        places: dict[Kind, list[Place]] = defaultdict(list)
        for job in asking:
            for number, (statement, _) in enumerate(job.questions):
                places[job.walled, statement].append((job, number))
        calls = self._changes()
        if calls or any(statement.effect is not Effect.READS for _, statement in places):
            self._begin(calls)
        numbered, answered_at = {}, {}
        for kind in self._in_order(places):
            walled, statement = kind
            values, numbered[kind] = _numbered(statement, places[kind])
            calls += self.sight.before(walled=walled)
            answered_at[kind] = len(calls)
            calls.append(_call(statement, values))
        answers = await self._line.ask(calls)
        if not self._began:
            self.sight.end()
        for kind, place in answered_at.items():
            self._take_in(kind[1], places[kind], numbered[kind], answers[place])
        for job in asking:
            if job.outdated:
                self._start_again(job)
            else:
                self._go_on(job, job.answers)

    def _in_order(self, kinds: Iterable[Kind]) -> list[Kind]:
        """As the wall is now first; what reads sees what was claimed before it, as it is now."""
        now = self.sight.is_walled
        return sorted(kinds, key=lambda kind: (kind[0] != now, kind[1].effect is Effect.READS))

    def _take_in(
        self, statement: Statement, places: Sequence[Place], numbers: Sequence[int], rows: Rows
    ) -> None:
        """Give each job the rows that answer it, and note what it claimed or changed by them."""
        answers: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            answers[row[0]].append(row[1:])
        for (job, place), number in zip(places, numbers, strict=True):
            if number in answers:
                job.answers[place] = answers[number]
                self._note(statement, job, answers[number][0])

    def _note(self, statement: Statement, job: Job, row: Row) -> None:
        """What the unit claimed or changed by this answer."""
        if statement.claims is not None and row[statement.claims] not in job.claimed:
            job.claimed.append(row[statement.claims])
            self._holders[row[statement.claims]].add(job)
        if statement.effect is Effect.WRITES:
            self.note_change(job)

    def _changes(self) -> list[Call]:
        """What was changed and not sent yet; first what other rows refer to."""
        now = self.sight.is_walled
        changes = sorted(
            self.changes.items(), key=lambda change: (not change[0][1].first, change[0][0] != now)
        )
        self.changes.clear()
        calls: list[Call] = []
        for (walled, statement), values in changes:
            calls += self.sight.before(walled=walled)
            calls.append(_call(statement, values))
        return calls

    def _begin(self, calls: list[Call]) -> None:
        """Have the transaction begin before the first of these, if it has not begun."""
        if not self._began:
            calls.insert(0, BEGIN)
            self._began = True

    async def _commit(self) -> None:
        calls = self._changes()
        if calls:
            self._begin(calls)
        if self._began:
            self.committing = True
            await self._line.ask([*calls, COMMIT])
        for job in self._alone:
            job.settle(error=Alone())


def _ask(questions: Sequence[tuple[Statement, Values]] | None) -> list[Rows]:
    """Called by a unit: it stands here until it is let go on. With None it never is."""
    parent = getcurrent().parent
    if parent is None:
        raise AssertionError("only a unit of a group asks it")
    answers: list[Rows] = parent.switch(questions)
    return answers


def _beside_each_other(*parts: Callable[[], Any]) -> list[Any]:
    """What these parts of a unit return; what all of them ask is one question of the unit."""
    running = [greenlet(part) for part in parts]
    said = [part.switch() for part in running]
    while standing := [number for number, part in enumerate(running) if part]:
        asked = [said[number] for number in standing]
        if None in asked:
            _ask(None)
        answers = iter(_ask([question for questions in asked for question in questions]))
        for number in standing:
            theirs = [next(answers) for _ in said[number]]
            said[number] = running[number].switch(theirs)
    return said


def _numbered(statement: Statement, places: Sequence[Place]) -> tuple[list[Values], list[int]]:
    """The values to ask with, and the number of those of each place.

    The same question is asked once, unless it changes something. Rows are claimed in one order by
    everybody, so that two nodes that claim the same ones cannot deadlock.
    """
    asked = [job.questions[number][1] for job, number in places]
    if statement.effect is Effect.WRITES:
        return asked, list(range(1, len(asked) + 1))
    values = list(dict.fromkeys(asked))
    if statement.effect is Effect.CLAIMS:
        values.sort()
    numbers = {value: number for number, value in enumerate(values, 1)}
    return values, [numbers[value] for value in asked]


def _call(statement: Statement, values: Sequence[Values]) -> Call:
    return for_many(statement), packed(statement, values)
