"""What admission fills in, on the real API server: no tool that applies a manifest sees a difference or a conflict.

The tools are kubectl (client-side, server-side, edit, diff, dry run), Argo CD and Helm 3 (their three-way merges).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.cluster import Cluster, KubectlFailed, Process
from tests.product import Product
from tests.system.manifests import Plain, three_way

pytestmark = pytest.mark.system

TEAM: Final = "mutation-team"
INGRESSES: Final = f"/apis/networking.k8s.io/v1/namespaces/{TEAM}/ingresses"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
FILLED: Final = "certshim.io/filled"
NEW: Final = "cert-manager.io/issuer"
OLD: Final = "certmanager.k8s.io/issuer"
ISSUER: Final = {NEW: "le"}


@pytest.fixture(scope="module")
def webhook(cluster: Cluster, product: Product) -> Iterator[Process]:
    """The webhook under the shipped configurations, and a namespace."""
    cluster.kubectl("create", "namespace", TEAM)
    process = product.start_webhook()
    yield process
    process.stop()
    product.withdraw_admission()
    cluster.kubectl("delete", "namespace", TEAM, "--wait=false")


@pytest.fixture
def team(cluster: Cluster, webhook: Process) -> Iterator[Team]:
    """A developer who works on one Ingress."""
    assert webhook.running
    team = Team(cluster)
    yield team
    cluster.kubectl("delete", "ingress", "--all", "-n", TEAM)


class Team:
    """Brings manifests of the Ingress `shop` to the cluster, each way that there is."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._release: Plain = {}

    @property
    def live(self) -> Plain:
        """The Ingress as it is stored."""
        found: Plain = self.cluster.api.get(f"{INGRESSES}/shop")
        return found

    @property
    def tls(self) -> list[Plain]:
        entries: list[Plain] = self.live["spec"].get("tls", [])
        return entries

    @property
    def annotations(self) -> Plain:
        found: Plain = self.live["metadata"].get("annotations", {})
        return found

    @property
    def version(self) -> str:
        return str(self.live["metadata"]["resourceVersion"])

    def client_side(self, manifest: Plain) -> str:
        """Apply it as most people do, and return what kubectl says."""
        return self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    def server_side(self, manifest: Plain) -> str:
        """Apply it as Flux, Argo CD with ServerSideApply, and Helm 4 do; a conflict is an error."""
        return self.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))

    def diff(self, manifest: Plain, *, server_side: bool) -> Plain:
        """Return what `kubectl diff` would show: it compares a dry run with the live object (and then calls diff)."""
        flags = ("--server-side",) if server_side else ()
        shown = self.cluster.kubectl(
            "apply", "--dry-run=server", *flags, "-o", "json", "-f", "-", stdin=json.dumps(manifest)
        )
        after, live = json.loads(shown), self.live
        for obj in (after, live):
            obj["metadata"].pop("managedFields", None)
        return three_way(live, after, live)

    def helm(self, manifest: Plain) -> str:
        """Install or upgrade as Helm 3 does: no last-applied-configuration, and it remembers the release before."""
        before, self._release = self._release, manifest
        if not before:
            return self.cluster.kubectl("create", "--field-manager=helm", "-f", "-", stdin=json.dumps(manifest))
        patch = three_way(before, manifest, self.live)
        return self.edit(patch, manager="helm") if patch else "nothing to do"

    def edit(self, patch: Plain, manager: str = "kubectl-edit") -> str:
        """Send the difference that an editor, or a tool, has made to the live object."""
        return self.cluster.kubectl(
            "patch",
            "ingress",
            "shop",
            "-n",
            TEAM,
            "--type=merge",
            f"--field-manager={manager}",
            f"--patch={json.dumps(patch)}",
        )

    def argo_difference(self, manifest: Plain) -> Plain:
        """Return what Argo CD would show as out of sync."""
        return three_way(json.loads(self.annotations[LAST_APPLIED]), manifest, self.live)


Way = Callable[[Team, Plain], str]
WAYS: Final[dict[str, Way]] = {"client side": Team.client_side, "server side": Team.server_side, "Helm": Team.helm}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def manifest(*hosts: str, annotations: dict[str, str] | None = None, tls: list[Plain] | None = None) -> Plain:
    """Return a manifest of the Ingress `shop`."""
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    rules = [
        {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
        for host in hosts or ("shop.example.com",)
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "shop", "namespace": TEAM, "annotations": ISSUER if annotations is None else annotations},
        "spec": {"rules": rules} | ({} if tls is None else {"tls": tls}),
    }


def entry(*hosts: str, secret: str = "shop-tls") -> Plain:
    return {"hosts": list(hosts), "secretName": secret}


ADDED = [
    pytest.param(manifest(), [entry("shop.example.com")], id="only annotated"),
    pytest.param(manifest(annotations={OLD: "le"}), [entry("shop.example.com")], id="old annotation"),
    pytest.param(
        manifest("a.example.com", "*.example.com", tls=[entry("a.example.com", "*.example.com", "a.example.com")]),
        [entry("a.example.com", "*.example.com", "a.example.com")],
        id="redundant, but valid",
    ),
    pytest.param(manifest(annotations=ISSUER | {"certshim.io/tls": "manual"}), [], id="hands off"),
]
COMPLETED = [
    pytest.param(
        manifest(tls=[{"hosts": ["x.example.com"]}, {"secretName": "b"}]),
        [entry("x.example.com"), entry("shop.example.com", secret="b")],
        id="incomplete entries",
    ),
    pytest.param(
        manifest(tls=[entry("Shop.Example.COM.", "BÜCHER.example", "shop.example.com")]),
        [entry("shop.example.com", "xn--bcher-kva.example")],
        id="hosts that the API server would refuse",
    ),
]


@every_way
@pytest.mark.parametrize(("given", "tls"), ADDED + COMPLETED)
def test_the_second_time_nothing_changes(team: Team, way: Way, given: Plain, tls: list[Plain]) -> None:
    """Not even the version, whoever brings it; and `kubectl diff` shows nothing."""
    way(team, given)
    before = team.live

    way(team, given)

    assert team.live == before
    assert before["spec"].get("tls", []) == tls
    if way is not Team.helm:
        assert team.diff(given, server_side=way is Team.server_side) == {}


@pytest.mark.parametrize(("given", "_tls"), ADDED)
def test_kubectl_says_unchanged_and_argo_in_sync(team: Team, given: Plain, _tls: list[Plain]) -> None:
    """What is added beside the manifest is no difference in a three-way merge."""
    team.client_side(given)

    assert team.client_side(given) == "ingress.networking.k8s.io/shop unchanged\n"
    assert team.argo_difference(given) == {}


@pytest.mark.parametrize(("given", "_tls"), COMPLETED)
def test_what_is_completed_within_a_list_is_a_difference_to_argo(team: Team, given: Plain, _tls: list[Plain]) -> None:
    """The one case that cannot be helped, since lists are compared whole: it is spec.tls alone."""
    team.client_side(given)

    assert team.argo_difference(given) == {"spec": {"tls": given["spec"]["tls"]}}


@every_way
def test_hosts_follow_the_rules(team: Team, way: Way) -> None:
    """They are nobody's but ours, so each tool can change the rules, and the next time nothing changes."""
    way(team, manifest("a.example.com"))

    way(team, manifest("b.example.com", "a.example.com"))

    assert team.tls == [entry("a.example.com", "b.example.com")]
    before = team.version
    way(team, manifest("b.example.com", "a.example.com"))
    assert team.version == before


@every_way
def test_hosts_follow_an_edit_of_the_rules(team: Team, way: Way) -> None:
    """And the manifest, applied again, takes them back."""
    way(team, manifest("a.example.com"))

    team.edit({"spec": manifest("a.example.com", "b.example.com")["spec"]})
    assert team.tls == [entry("a.example.com", "b.example.com")]

    if way is not Team.server_side:  # who has the rules now is kubectl-edit, and server-side apply says so
        way(team, manifest("a.example.com"))
        assert team.tls == [entry("a.example.com")]


@every_way
def test_what_the_user_edits_is_the_users(team: Team, way: Way) -> None:
    """Hosts that were edited once follow nothing any more."""
    way(team, manifest("a.example.com"))
    team.edit({"spec": {"tls": [entry("z.example.com")]}})
    assert FILLED not in team.annotations

    way(team, manifest("a.example.com", "b.example.com"))

    assert team.tls == [entry("z.example.com")]


@every_way
def test_what_a_manifest_writes_is_its_own(team: Team, way: Way) -> None:
    """Even if it writes just what we had filled in: the next rule changes nothing that the manifest would undo."""
    way(team, manifest("a.example.com"))
    way(team, manifest("a.example.com", tls=[entry("a.example.com")]))

    both = manifest("a.example.com", "b.example.com", tls=[entry("a.example.com")])
    way(team, both)
    if way is Team.helm:  # Helm 3 leaves no trace of what it writes; once more, and it is as it says
        way(team, both)

    assert team.tls == [entry("a.example.com")]
    before = team.version
    way(team, both)
    assert team.version == before


def test_nobody_owns_what_is_filled_in(team: Team) -> None:
    """So another manager of server-side apply can take it without a conflict."""
    team.server_side(manifest(annotations={OLD: "le"}))

    (managed,) = team.cluster.api.get(f"{INGRESSES}/shop")["metadata"]["managedFields"]
    fields = managed["fieldsV1"]
    assert list(fields["f:spec"]) == ["f:rules"]
    assert list(fields["f:metadata"]["f:annotations"]) == [f"f:{OLD}"]
    taken = {key: value for key, value in manifest(tls=[entry("z.example.com")]).items() if key != "spec"}
    taken |= {"spec": {"tls": [entry("z.example.com")]}}
    team.cluster.kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=json.dumps(taken))
    assert team.tls == [entry("z.example.com")]


def test_a_dry_run_shows_what_is_filled_in_and_stores_nothing(team: Team) -> None:
    given = json.dumps(manifest())

    shown = json.loads(team.cluster.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=given))

    assert shown["spec"]["tls"] == [entry("shop.example.com")]
    assert team.cluster.api.get(INGRESSES)["items"] == []


def test_of_rules_it_is_told_what_to_write(team: Team) -> None:
    """The API server refuses the host; that is the user's, so it is only said what it takes."""
    with pytest.raises(KubectlFailed) as failure:
        team.client_side(manifest("Bücher.example"))

    assert "Warning: spec.rules[0].host: write xn--bcher-kva.example" in failure.value.stderr
    assert "spec.rules[0].host: Invalid value" in failure.value.stderr


def test_a_generated_name_is_waited_for(team: Team) -> None:
    """It is not there yet when admission is asked, and the Secret's name is made of it: the controller fills it in."""
    given = manifest()
    given["metadata"] = {"generateName": "shop-", "namespace": TEAM, "annotations": ISSUER}

    created = team.cluster.api.post(INGRESSES, given)

    assert "tls" not in created["spec"]
    assert FILLED not in created["metadata"]["annotations"]


@every_way
def test_the_new_key_follows_the_old_one(team: Team, way: Way) -> None:
    way(team, manifest(annotations={OLD: "a"}))
    assert team.annotations[NEW] == "a"

    way(team, manifest(annotations={OLD: "b"}))

    assert (team.annotations[OLD], team.annotations[NEW]) == ("b", "b")


@every_way
def test_who_moves_to_the_new_key_keeps_it(team: Team, way: Way) -> None:
    """This is what our warning asks for, so it must work with every tool; the old key goes, the new one is theirs."""
    way(team, manifest(annotations={OLD: "a"}))

    way(team, manifest(annotations={NEW: "a"}))

    assert (team.annotations.get(OLD), team.annotations[NEW]) == (None, "a")
    way(team, manifest(annotations={NEW: "b"}))
    assert team.annotations[NEW] == "b"


@every_way
def test_who_takes_the_old_key_away_loses_the_new_one_where_that_can_be_known(team: Team, way: Way) -> None:
    """Helm 3 sends the same for this as for a move to the new key: there it stays."""
    way(team, manifest(annotations={OLD: "a", "app": "shop"}))

    way(team, manifest(annotations={"app": "shop"}))

    assert OLD not in team.annotations
    assert team.annotations.get(NEW) == ("a" if way is Team.helm else None)


def test_an_edit_that_takes_the_old_key_away_is_told_about_the_new_one(team: Team) -> None:
    team.client_side(manifest(annotations={OLD: "a"}))

    with pytest.raises(KubectlFailed) as failure:
        team.cluster.kubectl("annotate", "ingress", "shop", "-n", TEAM, f"{OLD}-", "--warnings-as-errors")

    assert f"{NEW} stays, though the old key is gone" in failure.value.stderr
    assert team.annotations[NEW] == "a"


@every_way
def test_from_issuer_to_cluster_issuer_in_old_keys(team: Team, way: Way) -> None:
    """Ours must go, or the two would contradict each other and the Ingress be refused."""
    way(team, manifest(annotations={OLD: "a"}))

    way(team, manifest(annotations={"certmanager.k8s.io/cluster-issuer": "b"}))

    assert NEW not in team.annotations
    assert team.annotations["cert-manager.io/cluster-issuer"] == "b"


def test_the_mark_survives_a_replacement_of_the_whole(team: Team) -> None:
    """`kubectl replace` with the manifest takes everything of ours away, and gets it again."""
    team.client_side(manifest("a.example.com"))

    team.cluster.kubectl("replace", "-f", "-", stdin=json.dumps(manifest("b.example.com")))

    assert team.tls == [entry("b.example.com")]
    assert team.annotations[FILLED].startswith("shop-tls=")


def test_a_copy_of_the_live_object_follows_nothing(team: Team) -> None:
    """A mark in a manifest speaks of another object: what the copy writes is its own, and stays in sync."""
    team.client_side(manifest("a.example.com"))
    live: dict[str, Any] = team.live
    annotations = {key: value for key, value in live["metadata"]["annotations"].items() if key != LAST_APPLIED}
    copy = manifest("b.example.com", annotations=annotations, tls=live["spec"]["tls"])

    team.client_side(copy)

    assert team.tls == [entry("a.example.com")]
    assert team.client_side(copy) == "ingress.networking.k8s.io/shop unchanged\n"
    assert team.argo_difference(copy) == {}
