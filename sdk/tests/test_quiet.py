"""After a refresh that failed or was of no use there is quiet, longer each time."""

from flextell_sdk.grant import LONGEST_QUIET_SECONDS, Quiet
from sdk.tests.clock import Clock


def test_quiet_doubles_with_every_failure_up_to_a_limit_and_ends_with_a_success() -> None:
    clock = Clock()
    quiet = Quiet(clock.sources().monotonic)
    lengths = []
    for _ in range(8):
        quiet.failed()
        began = clock.now()
        while not quiet.over():
            clock.move(0.5)
        lengths.append(clock.now() - began)
    quiet.failed()
    quiet.succeeded()

    assert lengths == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_QUIET_SECONDS, LONGEST_QUIET_SECONDS]
    assert quiet.over()


def test_quiet_goes_on_for_as_long_as_nothing_helps() -> None:
    """A minute each: two thousand are a day and a half."""
    clock = Clock()
    quiet = Quiet(clock.sources().monotonic)
    for _ in range(2000):
        quiet.failed()
        clock.move(LONGEST_QUIET_SECONDS)

    assert quiet.over()
