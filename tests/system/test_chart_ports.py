"""Ports of the chart: where processes listen, and where Services, probes, monitors and NetworkPolicies look for them.

Nothing is installed: Helm renders, and the flags' own tables say what a process does with its arguments.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pytest
import yaml

from shim.cli.webhook import FLAGS as WEBHOOK_FLAGS
from shim.flags import Flag
from shim.settings import FLAGS as SHIM_FLAGS
from tests.manifests import MANIFESTS, installed, objects, template

pytestmark = pytest.mark.system  # it needs Helm

Obj = dict[str, Any]
COMPONENT: Final = "app.kubernetes.io/component"
MEASURED: Final = ["shim", "webhook"]  # what serves metrics
VALUES: Final[Obj] = {
    "networkPolicy": {"enabled": True},
    "webhook": {"networkPolicy": {"enabled": True}},
    "ui": {"enabled": True},
    "prometheus": {"servicemonitor": {"enabled": True}, "podmonitor": {"enabled": True}},
}
# The same with other ports, so that what follows a value is told from what happens to be the default.
MOVED: Final[Obj] = VALUES | {"webhook": VALUES["webhook"] | {"securePort": 8443}}
# The flag of each named port of a container, and the table that has its default.
LISTENING: Final[dict[tuple[str, str], tuple[str, tuple[Flag, ...]]]] = {
    ("shim", "http01"): ("acme-http01-responder-listen-address", SHIM_FLAGS),
    ("shim", "http-metrics"): ("metrics-listen-address", SHIM_FLAGS),
    ("shim", "http-healthz"): ("internal-healthz-listen-address", SHIM_FLAGS),
    ("webhook", "https"): ("secure-port", WEBHOOK_FLAGS),
    ("webhook", "http-metrics"): ("metrics-listen-address", WEBHOOK_FLAGS),
    ("webhook", "http-healthz"): ("healthz-port", WEBHOOK_FLAGS),
    ("ui", "http"): ("listen", ()),
}


@cache
def _rendered(values: str) -> str:
    return template(values=yaml.safe_load(values))


def made(kind: str, values: Obj = VALUES) -> list[Obj]:
    """Return the objects of a kind that the chart makes."""
    return [obj for obj in objects(_rendered(yaml.safe_dump(values))) if obj["kind"] == kind]


def fits(selector: Obj, labels: dict[str, str]) -> bool:
    """Does a selector with labels and `In` take something with these labels?"""
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    expressions = selector.get("matchExpressions", [])
    assert {one["operator"] for one in expressions} <= {"In"}
    return wanted and all(labels.get(one["key"]) in one["values"] for one in expressions)


def pods(selector: Obj, values: Obj = VALUES) -> list[Obj]:
    """Return the pod templates that a selector of pods takes."""
    templates = [deployment["spec"]["template"] for deployment in made("Deployment", values)]
    return [pod for pod in templates if fits(selector, pod["metadata"]["labels"])]


def ports(pod: Obj) -> dict[str, int]:
    """Return a pod's ports by their names."""
    (container,) = pod["spec"]["containers"]
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def components(found: list[Obj]) -> list[str]:
    """Return which parts of the product these pods are, sorted."""
    return sorted(pod["metadata"]["labels"][COMPONENT] for pod in found)


@pytest.mark.parametrize("values", [VALUES, MOVED], ids=["defaults", "moved"])
def test_containers_name_the_ports_at_which_their_processes_listen(values: Obj) -> None:
    """Every named port, by the flag that the chart gives or the flag's default."""
    named = {
        (component, name): number
        for pod in pods({}, values)
        for component in components([pod])
        for name, number in ports(pod).items()
    }
    listening = {}
    for (component, name), (flag, table) in LISTENING.items():
        (pod,) = pods({"matchLabels": {COMPONENT: component}}, values)
        given = dict(argument[2:].partition("=")[::2] for argument in pod["spec"]["containers"][0]["args"])
        value = given.get(flag) or next(one.default for one in table if one.name == flag)
        listening[component, name] = int(value.rpartition(":")[2])

    assert named == listening


def test_services_and_probes_lead_to_ports_of_their_pods() -> None:
    """By name, so that none of them repeats a number."""
    for service in made("Service"):
        (pod,) = pods({"matchLabels": service["spec"]["selector"]})
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports(pod).keys(), service["metadata"]
    for pod in pods({}):
        (container,) = pod["spec"]["containers"]
        probes = [probe for key, probe in container.items() if key.endswith("Probe")]
        assert probes
        assert {probe["httpGet"]["port"] for probe in probes} <= ports(pod).keys(), container["name"]


def scraped(monitor: Obj, services: list[Obj]) -> list[Obj]:
    """Return the pods that a ServiceMonitor has scraped, as often as it does.

    Prometheus finds, besides the ports of a Service's endpoints, all ports of the containers behind them (its role
    `endpoints`); `targetPort` then keeps those of this name.
    """
    (endpoint,) = monitor["spec"]["endpoints"]
    chosen = [one for one in services if fits(monitor["spec"]["selector"], one["metadata"]["labels"])]
    behind = [pod for one in chosen for pod in pods({"matchLabels": one["spec"]["selector"]})]
    return [pod for pod in behind if endpoint["targetPort"] in ports(pod)]


def file_monitor() -> Obj:
    """Return the ServiceMonitor for installations by manifest."""
    found: Obj = yaml.safe_load((MANIFESTS / "monitoring" / "servicemonitor.yaml").read_text())
    return found


def test_the_service_monitors_have_each_pod_scraped_once() -> None:
    """The chart's, and that of the file; a pod that is found by two Services counts twice in every sum."""
    (made_by_chart,) = made("ServiceMonitor")

    assert components(scraped(made_by_chart, made("Service"))) == MEASURED
    assert components(scraped(file_monitor(), [one for one in installed() if one["kind"] == "Service"])) == MEASURED


def test_the_pod_monitor_has_each_pod_scraped_once() -> None:
    """Those of the page have no such port."""
    (monitor,) = made("PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]

    assert components([pod for pod in pods(monitor["spec"]["selector"]) if endpoint["port"] in ports(pod)]) == MEASURED


def test_monitors_look_where_the_objects_are() -> None:
    """In the namespace of the installation, and name the job by the component, which every Service and pod has."""
    monitors = [*made("ServiceMonitor"), *made("PodMonitor"), file_monitor()]

    assert {tuple(one["spec"]["namespaceSelector"]["matchNames"]) for one in monitors} == {("cert-manager",)}
    assert {one["spec"]["jobLabel"] for one in monitors} == {COMPONENT}
    assert {one["metadata"]["namespace"] for one in made("Service")} == {"cert-manager"}


def test_labels_of_objects_are_honoured_where_the_alerts_need_them() -> None:
    """Always in the file, which is for our alerts; in the chart by its value, whose default is cert-manager's."""
    asked = {"enabled": True, "honorLabels": True}
    values = VALUES | {"prometheus": {"servicemonitor": asked, "podmonitor": asked}}
    (chosen,), (of_pods,) = made("ServiceMonitor", values), made("PodMonitor", values)
    (default,) = made("ServiceMonitor")

    assert file_monitor()["spec"]["endpoints"][0]["honorLabels"] is True
    assert chosen["spec"]["endpoints"][0]["honorLabels"] is True
    assert of_pods["spec"]["podMetricsEndpoints"][0]["honorLabels"] is True
    assert default["spec"]["endpoints"][0]["honorLabels"] is False


def test_pods_are_annotated_for_prometheus_only_where_no_monitor_finds_them() -> None:
    """Else they would be scraped twice."""
    shown = [pod["metadata"].get("annotations", {}).get("prometheus.io/port") for pod in pods({})]
    alone = [
        pod["metadata"].get("annotations", {}).get("prometheus.io/port")
        for pod in pods({"matchExpressions": [{"key": COMPONENT, "operator": "In", "values": MEASURED}]}, {})
    ]

    assert shown == [None, None, None]
    assert alone == ["9402", "9402"]


@pytest.mark.parametrize("values", [VALUES, MOVED], ids=["defaults", "moved"])
@pytest.mark.parametrize("component", MEASURED)
def test_a_network_policy_lets_in_what_its_pods_listen_for(component: str, values: Obj) -> None:
    """All their ports and no other, by name; and it takes the pods of one process only."""
    (policy,) = [one for one in made("NetworkPolicy", values) if one["metadata"]["name"] == f"certshim-{component}"]
    chosen = pods(policy["spec"]["podSelector"], values)
    (rule,) = policy["spec"]["ingress"]

    assert components(chosen) == [component]
    assert rule.keys() == {"ports"}, "callers have addresses that no selector knows"
    assert {port["port"] for port in rule["ports"]} == ports(chosen[0]).keys()
    assert {port["protocol"] for port in rule["ports"]} == {"TCP"}


# The ports at which the processes call others when no flag says otherwise; CAs and vendors are at 443.
_DEFAULTS: Final = {flag.name: flag.default for flag in SHIM_FLAGS}
CALLED: Final[dict[str, set[int]]] = {
    "shim": {
        443,
        6443,
        int(_DEFAULTS["acme-http01-self-check-port"]),
        int(_DEFAULTS["dns01-authoritative-port"]),
    },
    "webhook": {443, 6443, 53},
}


@pytest.mark.parametrize("component", MEASURED)
def test_a_network_policy_lets_out_to_what_is_called(component: str) -> None:
    """The API server, resolvers, and for the shim what the defaults of its flags say; DNS over both protocols."""
    (policy,) = [one for one in made("NetworkPolicy") if one["metadata"]["name"] == f"certshim-{component}"]
    allowed = {(port["port"], port["protocol"]) for rule in policy["spec"]["egress"] for port in rule["ports"]}

    assert {port for port, protocol in allowed if protocol == "TCP"} >= CALLED[component]
    assert {port for port, protocol in allowed if protocol == "UDP"} == {53}
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
