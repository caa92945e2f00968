"""Alert rules and the dashboard speak of metrics and labels that exist, and the rules fire when they should."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from streams import metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
GIVEN_BY_PROMETHEUS = {"job", "instance", "le", "alertname", "alertstate"}
NOT_OURS = {"process_start_time_seconds", "process_resident_memory_bytes", "up"}
METRIC = re.compile(r"\b(isthmus_\w+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\bby \(([^)]*)\)")


def declared() -> dict[str, set[str]]:
    """Every series that processes show, with its labels."""
    found: dict[str, set[str]] = {}
    for value in vars(metrics).values():
        if isinstance(value, Counter):
            found[f"{value._name}_total"] = set(value._labelnames)
        elif isinstance(value, Histogram):
            found |= {f"{value._name}_{part}": set(value._labelnames) for part in ("bucket", "sum", "count")}
        elif isinstance(value, Gauge):
            found[value._name] = set(value._labelnames)
    return found


KNOWN = declared()


def faults(expression: str, shown: str) -> list[str]:
    """What an expression, and a text that shows its labels, says of series that there are not."""
    wrong, labels = [], set(GIVEN_BY_PROMETHEUS)
    for name, matchers in METRIC.findall(expression):
        if name not in KNOWN:
            wrong.append(f"no metric {name}")
            continue
        labels |= KNOWN[name]
        used = set(re.findall(r"(\w+)\s*[=!]~?", matchers))
        wrong += [f"{name} has no label {label}" for label in used - KNOWN[name] - GIVEN_BY_PROMETHEUS]
    grouped = [{label.strip() for label in group.split(",")} for group in GROUPED.findall(expression)]
    wrong += [f"no label {label}" for group in grouped for label in group - labels]
    kept = set.intersection(*grouped) if grouped else labels
    told = set(re.findall(r"\$labels\.(\w+)", shown)) | set(re.findall(r"\{\{(\w+)\}\}", shown))
    return wrong + [f"label {label} is not kept" for label in told - kept]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def targets() -> Iterator[tuple[str, str, str]]:
    """Title, expression and legend of everything that the dashboard draws."""
    for panel in json.loads((DEPLOY / "grafana/isthmus.json").read_text("utf-8"))["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]


def test_it_sees_a_metric_a_label_and_a_legend_that_there_is_not() -> None:
    assert faults('isthmus_lagg{topic="raw"}', "") == ["no metric isthmus_lagg"]
    assert faults('isthmus_lag{topik="raw"}', "") == ["isthmus_lag has no label topik"]
    assert faults("sum by (sink) (isthmus_lag)", "") == ["no label sink"]
    assert faults("sum by (topic) (isthmus_lag)", "{{ $labels.partition }}") == ["label partition is not kept"]
    assert faults("isthmus_lag > 3", "{{ $labels.sink }}") == ["label sink is not kept"]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_alerts_speak_of_what_there_is(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"], rule["annotations"]["summary"]) == []
    assert rule["labels"]["severity"] in {"critical", "warning"}


def test_the_dashboard_speaks_of_what_there_is() -> None:
    wrong = {title: found for title, expression, legend in targets() if (found := faults(expression, legend))}

    assert wrong == {}


def test_the_rules_tests_are_about_series_that_there_are() -> None:
    tested = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text("utf-8"))["tests"]
    for series in (one["series"] for test in tested for one in test["input_series"]):
        name, labels = series.rstrip("}").split("{")
        given = set(re.findall(r"(\w+)=", labels)) - GIVEN_BY_PROMETHEUS
        assert name in NOT_OURS or given == KNOWN[name], series


def test_every_process_of_the_compose_file_is_scraped() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    ours = {name for name, one in compose.items() if one.get("command", [""])[0] == "run" and "profiles" not in one}
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    addresses = config["scrape_configs"][0]["static_configs"][0]["targets"]

    assert {address.split(":")[0] for address in addresses} == ours
    for address in addresses:
        name, port = address.split(":")
        assert f":{port}/readyz" in compose[name]["healthcheck"]["test"][-1]


def test_the_rules_tests_are_written_as_promtool_reads_them() -> None:
    # What promtool would tell where it is installed: a sample that repeats is a number, never NaN.
    sample = re.compile(r"-?[\d.]+([+-][\d.]+)?(x\d+)?|_(x\d+)?|NaN|stale")
    tested = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text("utf-8"))["tests"]

    for series in (one for test in tested for one in test["input_series"]):
        assert [one for one in series["values"].split() if not sample.fullmatch(one)] == [], series["series"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, which comes with Prometheus")
@pytest.mark.parametrize(
    "what", ["check rules alerts.yml", "check config prometheus.yml", "test rules alerts_test.yml"]
)
def test_promtool_agrees(what: str) -> None:
    checked = subprocess.run(["promtool", *what.split()], cwd=PROMETHEUS, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_is_tried() -> None:
    tested = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text("utf-8"))["tests"]

    assert tested[0]["promql_expr_test"][0]["exp_samples"][0]["value"] == len(rules())
