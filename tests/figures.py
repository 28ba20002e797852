"""Figures that tests measured, shown at the end of a run whether or not anything failed."""

from collections.abc import Callable

import pytest

Note = Callable[[str], None]
FIGURE = "figure"


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Note a figure. It travels with the test's report, from whichever process ran it."""
    return lambda text: request.node.user_properties.append((FIGURE, text))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of all tests."""
    figures = [
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, text in report.user_properties
        if name == FIGURE
    ]
    if figures:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(figures))
