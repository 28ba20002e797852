"""What the comparison with other servers says of its results."""

from benchmarks.measuring import Measured
from benchmarks.peers import lanes, table
from benchmarks.peers.turns import Results


def measured(per_second: float) -> Measured:
    """Three rounds, all alike."""
    one = Measured(milliseconds=[float(n) for n in range(1, 101)])
    for _ in range(3):
        one.note(count=round(per_second), seconds=1, cpu=0.5, database=0.1)
    return one


RESULTS: Results = {
    (lanes.OURS, "refresh with rotation"): measured(4000),
    (lanes.OIDC, "refresh with rotation"): measured(1000),
    (lanes.OIDC, "client credentials"): measured(2000),
}


def test_a_server_without_a_kind_of_work_has_a_dash() -> None:
    assert table.rates(RESULTS)[2:] == [
        "| Flextell, PostgreSQL | 4,000 (8,000) | - |",
        "| oidc-provider, PostgreSQL | 1,000 (2,000) | 2,000 (4,000) |",
    ]


def test_a_claim_is_shown_beside_what_was_measured() -> None:
    assert table.ratios(RESULTS)[2:] == [
        "| refresh with rotation | Flextell, PostgreSQL | oidc-provider, PostgreSQL "
        "| 4 | 4.00 | 4.00 |"
    ]


def test_the_readme_has_a_place_for_the_result() -> None:
    text = table.README.read_text()

    assert text.index(table.BEGIN) < text.index(table.END)
