"""When to start a worker in place of one that ended, and when it is enough."""

from dataclasses import dataclass

from flextell.exits import ExitCode, ExitError

# A worker that lived so long was well: the next one is started at once.
WELL_SECONDS = 10.0
# So many one after another that were not: starting more would not help.
MOST_FAILURES = 6
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0

GIVEN_UP = "A worker ends again and again soon after its start; see the log for the reason."


@dataclass(slots=True)
class Patience:
    """How often in a row a worker ended soon after its start, and what is done about it."""

    failures: int = 0

    def pause_seconds(self, lived_seconds: float, problem: ExitError | None, alone: bool) -> float:
        """How long to wait before the next one is started. Raises ExitError when it is enough.

        It is never enough while other workers are well (this one is not `alone`), nor while the
        database is away: that passes.
        """
        if lived_seconds >= WELL_SECONDS:
            self.failures = 0
            return 0
        self.failures += 1
        passing = problem is not None and problem.code == ExitCode.DATABASE
        if self.failures >= MOST_FAILURES and alone and not passing:
            raise problem or ExitError(GIVEN_UP, ExitCode.BUG)
        return min(FIRST_PAUSE_SECONDS * 2.0 ** min(self.failures, 10), LONGEST_PAUSE_SECONDS)
