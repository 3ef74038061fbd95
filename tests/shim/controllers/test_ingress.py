from __future__ import annotations

import socket
from dataclasses import replace
from queue import SimpleQueue

import msgspec
import pytest

from certs.api.ingress import Ingress, IngressRule, IngressSpec, IngressTLS
from certs.api.meta import ObjectMeta
from certs.decide.ingress import ApplyCertificate, DeleteCertificate, LookAtHosts
from certs.decide.precedence import TELL_AFTER
from certs.outcomes import Permanent
from shim.controllers.ingress import IngressController
from shim.controllers.precedence import Precedence
from shim.controllers.world import World
from shim.engine.reconciler import Key
from shim.kube.errors import AlreadyExists, Conflict
from shim.solvers.selfcheck import SelfCheck
from shim.stores import Stores
from tests.certs.decide.objects import HOST, NOW, certificate, issuer
from tests.fakes.apiserver import FakeAPIServer, Status
from tests.shim.conftest import Put
from tests.shim.controllers.conftest import Events, drive


@pytest.fixture
def controller(world: World) -> IngressController:
    return IngressController(world)


def ingress(*tls: IngressTLS, **annotations: str) -> Ingress:
    """Return an Ingress whose annotations begin with cert-manager.io/."""
    words = {"issuer": "letsencrypt"} | annotations
    return Ingress(
        metadata=ObjectMeta(
            name="shop",
            namespace="web",
            annotations={f"cert-manager.io/{key.replace('_', '-')}": value for key, value in words.items()},
        ),
        spec=IngressSpec(tls=tls, rules=(IngressRule(host=HOST),)),
    )


ENTRY = IngressTLS((HOST,), "shop-tls")
BLOG = IngressTLS(("blog.test",), "blog-tls")


def test_an_annotation_is_enough(controller: IngressController, stores: Stores, put: Put, events: Events) -> None:
    """spec.tls is filled in, the Certificate made, and that told."""
    put(ingress())

    assert drive(controller, "web", "shop") == ["FillTLS", "ApplyCertificate", "Done"]

    filled, made = stores.ingresses.get("web", "shop"), stores.certificates.get("web", "shop-tls")
    assert filled is not None
    assert filled.spec.tls == (ENTRY,)
    assert made is not None
    assert made.spec.dns_names == (HOST,)
    assert events() == [("Normal", "CreateCertificate", 'Successfully created Certificate "shop-tls"')]


def test_tls_that_somebody_else_applies_is_left_to_them(
    controller: IngressController, api: FakeAPIServer, put: Put, events: Events
) -> None:
    """Asked once, under a name of our own; after a conflict hosts are taken from the rules, and nothing is written."""
    put(ingress(IngressTLS(secret_name="shop-tls"), IngressTLS(("b.test",))))
    api.script("apply", Status(409, "Conflict", 'conflict with "flux": .spec.tls'))

    assert drive(controller, "web", "shop") == ["FillTLS", "ApplyCertificate", "Done"]
    assert drive(controller, "web", "shop") == ["Done"]

    (asked,) = [seen for seen in api.seen if seen.verb == "apply" and "/ingresses/" in seen.path]
    assert (asked.query["fieldManager"], asked.query.get("force", "false")) == ("certshim-ingress", "false")
    assert [message for _, _, message in events()][1:] == [
        "Skipped a TLS block: spec.tls[1].secretName: Required value"
    ]


def test_certificates_follow_the_ingress(
    controller: IngressController, stores: Stores, put: Put, events: Events
) -> None:
    """What changes is updated, foreign fields and all; what is gone is deleted."""
    put(ingress(ENTRY, BLOG, duration="24h"))
    drive(controller, "web", "shop")
    made = stores.certificates.get("web", "shop-tls")
    assert made is not None
    edited = msgspec.structs.replace(made.spec, revision_history_limit=7)
    put(msgspec.structs.replace(made, spec=edited))

    put(ingress(ENTRY, renew_before="360h"))
    assert drive(controller, "web", "shop") == ["ApplyCertificate", "DeleteCertificate", "Done"]

    (left,) = stores.certificates.values()
    assert (left.metadata.name, left.spec.duration, left.spec.renew_before) == ("shop-tls", None, "360h")
    assert left.spec.revision_history_limit is None
    assert [message for _, _, message in events()][2:] == [
        'Successfully updated Certificate "shop-tls"',
        'Successfully deleted unrequired Certificate "blog-tls"',
    ]


def test_a_certificate_that_nobody_had_seen_is_not_taken_over(
    controller: IngressController, stores: Stores, api: FakeAPIServer, put: Put
) -> None:
    """It was made between our look and our write, so the write is a create, which fails."""
    api.put(certificate("shop-tls"))
    put(ingress(ENTRY))
    observed = controller.observe("web", "shop")
    assert observed is not None
    step = controller.decide(observed, NOW)
    assert isinstance(step, ApplyCertificate)

    with pytest.raises(AlreadyExists):
        controller.act(observed, step, NOW)

    assert [seen.verb for seen in api.seen if "/certificates" in seen.path and seen.verb != "get"] == ["create"]


def test_a_certificate_that_has_got_the_name_meanwhile_is_not_deleted(
    controller: IngressController, api: FakeAPIServer, put: Put
) -> None:
    put(ingress(ENTRY, BLOG))
    drive(controller, "web", "shop")
    put(ingress(ENTRY))
    observed = controller.observe("web", "shop")
    assert observed is not None
    step = controller.decide(observed, NOW)
    assert isinstance(step, DeleteCertificate)
    (blog,) = [one for one in observed.owned if one.metadata.name == step.name]
    api.remove(blog)
    api.put(certificate("blog-tls"))

    with pytest.raises(Conflict):
        controller.act(observed, step, NOW)


def test_an_annotation_of_somebody_else_is_asked_about_once(
    controller: IngressController, stores: Stores, api: FakeAPIServer, put: Put, events: Events
) -> None:
    """It may be left of the Ingress; who wrote it tells that it is not, and nothing is written."""
    put(ingress(ENTRY))
    drive(controller, "web", "shop")
    made = stores.certificates.get("web", "shop-tls")
    assert made is not None
    annotations: dict[str, str] = {}
    for key in ("cert-manager.io/issue-temporary-certificate", "acme.cert-manager.io/http01-override-ingress-class"):
        annotations |= {key: "true"}
        noted = msgspec.structs.replace(made.metadata, annotations=annotations)
        put(msgspec.structs.replace(made, metadata=noted))

        assert drive(controller, "web", "shop") == ["DropAnnotations", "Done"]
        assert drive(controller, "web", "shop") == ["Done"]

    kept = stores.certificates.get("web", "shop-tls")
    assert kept is not None
    assert kept.metadata.annotations == annotations
    assert len(events()) == 1


def test_remarks_are_made_once_for_each_change(controller: IngressController, put: Put, events: Events) -> None:
    """A foreign Certificate of the name is told, not touched, not told again."""
    put(certificate("shop-tls"))
    put(ingress(ENTRY))

    for _ in range(3):
        assert drive(controller, "web", "shop") == ["Done"]

    assert [(kind, reason) for kind, reason, _ in events()] == [("Warning", "BadConfig")]


def test_a_bad_ingress_is_told_its_author(controller: IngressController, put: Put, events: Events) -> None:
    """In an event with everything that is wrong."""
    put(ingress(ENTRY, duration="soon"))
    with pytest.raises(Permanent) as raised:
        drive(controller, "web", "shop")
    observed = controller.observe("web", "shop")
    assert observed is not None

    controller.report(observed, raised.value, None, NOW)

    ((kind, reason, message),) = events()
    assert (kind, reason) == ("Warning", "BadConfig")
    assert "cert-manager.io/duration" in message


def test_hosts_are_looked_at_before_a_certificate_is_made(world: World, put: Put) -> None:
    """The Ingress is woken when it is known, and the Certificate is made after some seconds whatever that is."""
    woken: SimpleQueue[Key] = SimpleQueue()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    precedence = Precedence(SelfCheck((f"127.0.0.1:{port}",), port, loopback=True))
    controller = IngressController(replace(world, precedence=precedence, wake_new=woken.put))
    put(issuer())
    put(ingress(ENTRY))

    observed = controller.observe("web", "shop")
    assert observed is not None
    step = controller.decide(observed, NOW)
    assert isinstance(step, LookAtHosts)
    controller.act(observed, step, NOW)

    assert woken.get(timeout=5) == Key("ingress-shim", "web", "shop")
    assert drive(controller, "web", "shop", NOW + TELL_AFTER) == ["ApplyCertificate", "Done"]
    precedence.background.stop()
