"""The alerts, by Prometheus' own tool; and that what they ask about, and point to, is there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.cluster.debian import Program, find
from tests.metricspage import names, shim_registry, webhook_registry

pytestmark = pytest.mark.system  # it needs a program that is fetched

ROOT: Final = Path(__file__).parents[2]
MANIFEST: Final = ROOT / "manifests" / "monitoring" / "prometheus-rules.yaml"
TESTS: Final = Path(__file__).with_name("rules_test.yaml")
METRIC: Final = re.compile(r"\b(?:certmanager|certshim)_[a-z0-9_]+")


@pytest.fixture(scope="module")
def promtool() -> Program:
    """Debian's."""
    return find("prometheus", "promtool")


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    """The rules as Prometheus reads them."""
    manifest = yaml.safe_load(MANIFEST.read_text())
    assert (manifest["apiVersion"], manifest["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    spec: dict[str, Any] = manifest["spec"]
    return spec


def run(promtool: Program, *arguments: str | Path) -> str:
    """Run it; what it says is the message when it fails."""
    done = subprocess.run(  # noqa: S603  Debian's program, our arguments
        [promtool.path, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **promtool.environment},
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def alerts(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all alerts."""
    return [rule for group in spec["groups"] for rule in group["rules"]]


def test_alerts_fire_when_they_should(promtool: Program, spec: dict[str, Any], tmp_path: Path) -> None:
    """Each has series on which it fires with its sentences, and most have some on which it does not."""
    rules, tests = tmp_path / "rules.yaml", tmp_path / "tests.yaml"
    rules.write_text(yaml.safe_dump(spec))
    tests.write_text(TESTS.read_text())

    assert f"SUCCESS: {len(alerts(spec))} rules found" in run(promtool, "check", "rules", rules)
    assert "SUCCESS" in run(promtool, "test", "rules", tests)


def test_each_alert_is_seen_to_fire(spec: dict[str, Any]) -> None:
    """No alert without a test."""
    tested = {
        case["alertname"]
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }

    assert tested == {rule["alert"] for rule in alerts(spec)}


def test_alerts_ask_about_what_is_told(spec: dict[str, Any]) -> None:
    """Every metric of the expressions is one that the processes register."""
    told = names(shim_registry()) | names(webhook_registry())
    asked = {name for rule in alerts(spec) for name in METRIC.findall(rule["expr"])}

    assert asked <= told


def test_each_alert_has_a_runbook(spec: dict[str, Any]) -> None:
    """A summary in one line, and a paragraph in our documentation under its name."""
    page = (ROOT / "docs" / "monitoring.md").read_text()
    for rule in alerts(spec):
        annotations = rule["annotations"]
        assert "\n" not in annotations["summary"].strip()
        assert annotations["runbook"] == f"docs/monitoring.md#{rule['alert'].lower()}"
        assert f"\n### {rule['alert']}\n" in page
