"""Alerts, recording rules and the dashboard ask for metrics and labels that a node has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from docs.generate import sample_names
from flextell.metrics import TABLE
from flextell.web.routes import MACHINES, PEOPLE

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/flextell.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

# Whatever is measured, Prometheus says where; with several workers, so do they.
ANYWHERE = {"instance", "job", "worker"}
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
# What a recording rule keeps of its labels is in its own expression, which is checked too.
RECORDED = {rule["record"]: {"endpoint", "status"} for rule in RULES if "record" in rule}

KNOWN: dict[str, set[str]] = {
    **{name: set() for name in PROCESS},
    **RECORDED,
    **{
        name.strip("`"): {*metric.labels, *({"le"} if name.endswith("_bucket`") else ())}
        for metric in TABLE
        for name in sample_names(metric).split("<br>")
    },
}


def dashboard_expressions() -> Iterator[str]:
    """Every query, with a time in place of Grafana's own."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "1m")


EXPRESSIONS = [*(rule["expr"] for rule in RULES), *dashboard_expressions()]


def parts(expression: promql.Expr) -> Iterator[promql.Expr]:
    """An expression and all that is in it."""
    found: list[promql.Expr] = []
    promql.walk(expression, found.append)
    yield from found


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_asks_for_what_a_node_tells(text: str) -> None:
    """Metrics by name; labels in selectors and after `by` are those of the metrics."""
    expression = promql.parse(text)
    selectors = [p for p in parts(expression) if isinstance(p, promql.VectorSelector)]
    grouped = [
        label
        for p in parts(expression)
        if isinstance(p, promql.AggregateExpr) and p.modifier is not None
        for label in p.modifier.labels
    ]

    assert selectors
    labels = set[str]()
    for selector in selectors:
        assert selector.name in KNOWN
        known = KNOWN[selector.name] | ANYWHERE
        assert {matcher.name for matcher in selector.matchers.matchers} <= known
        labels |= known
    assert set(grouped) <= labels


@pytest.mark.parametrize("alert", ALERTS, ids=[alert["alert"] for alert in ALERTS])
def test_an_alert_says_what_is_wrong_and_what_to_do(alert: dict[str, Any]) -> None:
    """A sentence, how urgent it is, and a section of the guide of the same name."""
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^### (.+)$", (ROOT / page).read_text(), re.MULTILINE)

    assert alert["annotations"]["summary"].endswith(".")
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert anchor == alert["alert"].lower()
    assert alert["alert"] in headings


def test_every_alert_and_every_recorded_name_is_there_once() -> None:
    names = [rule.get("alert") or rule["record"] for rule in RULES]

    assert len(names) == len(set(names))


def test_an_endpoint_in_a_query_is_one_of_ours() -> None:
    named = set(re.findall(r'endpoint="([^"]+)"', " ".join(EXPRESSIONS)))

    assert named
    assert named <= {*MACHINES, *PEOPLE}


def test_every_metric_is_on_the_dashboard() -> None:
    """What is worth counting is worth seeing."""
    shown = set(re.findall(r"\bflextell_\w+", " ".join(dashboard_expressions())))

    assert {metric.name for metric in TABLE} <= {
        re.sub(r"_(total|bucket|sum|count)$", "", name) for name in shown
    }


def test_the_panels_of_the_dashboard_are_apart() -> None:
    """No id twice, and no two on the same place."""
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(numbers) == len(set(numbers))
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_variables_of_the_dashboard_are_defined() -> None:
    text = json.dumps(DASHBOARD["panels"])
    used = set(re.findall(r"\$\{?([a-z_]+)", text)) - {"__rate_interval"}

    assert used == {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    for panel in PANELS:
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))
