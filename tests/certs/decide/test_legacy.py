"""What becomes of an object of certmanager.k8s.io/v1alpha1 and its twin, step by step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from certs.annotations import OVERRIDE_CLASS
from certs.api.certificate import CertificateStatus
from certs.api.issuer import ACMEIssuerStatus, Issuer, IssuerStatus
from certs.api.meta import Condition, ConditionStatus, ObjectMeta
from certs.decide.legacy import CreateTwin, ObservedLegacy, SetLegacyStatus, UpdateTwin, decide, not_mirrored
from certs.legacy.kinds import LegacyCertificate, LegacyIssuer, Twin
from certs.legacy.twin import COPIED, MIRRORED
from certs.outcomes import DONE, Permanent, WaitingForUser

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
READY = Condition(
    type="Ready",
    status=ConditionStatus.TRUE,
    last_transition_time=NOW,
    reason="ACMEAccountRegistered",
    message="The ACME account was registered with the ACME server",
    observed_generation=3,
)
ACME = {"server": "https://ca.example/dir", "privateKeySecretRef": {"name": "le"}, "http01": {}}


def legacy(**changes: Any) -> LegacyIssuer:
    metadata = ObjectMeta(name="le", namespace="team", uid="7", labels={"app": "shop"})
    return msgspec.structs.replace(LegacyIssuer(metadata=metadata, spec={"acme": ACME}), **changes)


def created(obj: LegacyIssuer | LegacyCertificate) -> Twin:
    """Return the twin as it is first made."""
    step = decide(ObservedLegacy(obj))
    assert isinstance(step, CreateTwin)
    return step.twin


def twin(**status: Any) -> Issuer:
    made = created(legacy())
    assert isinstance(made, Issuer)
    return msgspec.structs.replace(made, status=IssuerStatus(**status))


def edited(one: Issuer, email: str = "x@example.com") -> Issuer:
    assert one.spec.acme is not None
    acme = msgspec.structs.replace(one.spec.acme, email=email)
    return msgspec.structs.replace(one, spec=msgspec.structs.replace(one.spec, acme=acme))


def test_a_twin_is_created() -> None:
    """With its name, owned by it, and as the API server will store it: a default that the CRD has is there."""
    made = created(legacy())

    assert isinstance(made, Issuer)
    assert (made.metadata.name, made.metadata.namespace, made.metadata.labels) == ("le", "team", {"app": "shop"})
    owner = made.metadata.owner_references[0]
    assert (owner.api_version, owner.uid, owner.controller) == ("certmanager.k8s.io/v1alpha1", "7", True)
    assert made.spec.acme is not None
    assert made.spec.acme.renewal_information_source == "ARI"


def test_a_twin_as_it_shall_be_is_left_alone() -> None:
    """The status that is shown already is not written again."""
    assert decide(ObservedLegacy(legacy(), twin())) is DONE


def test_the_status_comes_back() -> None:
    """Without the generation that was observed, which is the twin's."""
    acme = ACMEIssuerStatus(uri="https://ca.example/acct/1")
    step = decide(ObservedLegacy(legacy(), twin(conditions=(READY,), acme=acme)))

    shown = msgspec.structs.replace(READY, observed_generation=0)
    assert step == SetLegacyStatus(IssuerStatus(conditions=(shown,), acme=acme))
    assert isinstance(step.status, IssuerStatus)
    assert decide(ObservedLegacy(legacy(status=step.status), twin(conditions=(READY,), acme=acme))) is DONE


def test_the_end_of_a_certificate_comes_back() -> None:
    """What there was a field for until v0.10."""
    spec = {"secretName": "web-tls", "issuerRef": {"name": "le"}, "dnsNames": ["a.example.com"]}
    old = LegacyCertificate(metadata=ObjectMeta(name="web", namespace="team", uid="8"), spec=spec)
    status = CertificateStatus(conditions=(READY,), not_after=NOW, not_before=NOW, revision=1)
    step = decide(ObservedLegacy(old, msgspec.structs.replace(created(old), status=status)))

    assert isinstance(step, SetLegacyStatus)
    assert msgspec.to_builtins(step.status).keys() == {"conditions", "notAfter"}


def test_a_changed_spec_goes_to_the_twin_without_a_warning() -> None:
    """The twin is behind, and nobody has edited it."""
    step = decide(ObservedLegacy(legacy(spec={"acme": {**ACME, "email": "new@example.com"}}), twin()))

    assert isinstance(step, UpdateTwin)
    assert step.undone is None
    patch: Any = step.patch
    assert patch["spec"]["acme"]["email"] == "new@example.com"
    assert patch["metadata"]["annotations"][MIRRORED] != twin().metadata.annotations[MIRRORED]


def test_an_edited_twin_is_put_right_with_a_warning() -> None:
    """It names the field and both ways on, and no value: there may be a password in it."""
    step = decide(ObservedLegacy(legacy(), edited(twin())))

    assert isinstance(step, UpdateTwin)
    patch: Any = step.patch
    assert patch["spec"]["acme"]["email"] is None
    assert step.undone is not None
    assert step.undone.type == "Warning"
    assert "spec.acme.email" in step.undone.message
    assert "kubectl delete issuer.certmanager.k8s.io le --cascade=orphan" in step.undone.message
    assert "x@example.com" not in step.undone.message


def test_an_edit_that_is_overtaken_by_the_same_change_is_nobodys_loss() -> None:
    """Both sides say the same: only the fingerprint is written."""
    step = decide(ObservedLegacy(legacy(spec={"acme": {**ACME, "email": "x@example.com"}}), edited(twin())))

    assert isinstance(step, UpdateTwin)
    assert step.undone is None


def test_what_others_put_on_the_twin_stays() -> None:
    """Labels and annotations of tools are no difference."""
    one = twin()
    metadata = msgspec.structs.replace(one.metadata, labels={**one.metadata.labels, "tool": "x"})

    assert decide(ObservedLegacy(legacy(), msgspec.structs.replace(one, metadata=metadata))) is DONE


def test_what_was_copied_goes_when_it_is_gone_from_the_legacy_object() -> None:
    """The class that challenges went through, and a label: left behind, they would go on deciding."""
    name = ObjectMeta(name="web", namespace="team", uid="8", labels={"app": "shop"}, annotations={"note": "x"})
    spec = {"secretName": "web-tls", "issuerRef": {"name": "le"}, "dnsNames": ["a.example.com"]}
    way = {"config": [{"domains": ["a.example.com"], "http01": {"ingressClass": "nginx"}}]}
    made = created(LegacyCertificate(metadata=name, spec={**spec, "acme": way}))
    others = {**made.metadata.annotations, "tool": "x"}
    made = msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=others))
    bare = LegacyCertificate(metadata=msgspec.structs.replace(name, labels={}, annotations={}), spec=spec)

    step = decide(ObservedLegacy(bare, made))

    assert isinstance(step, UpdateTwin)
    assert step.undone is None
    patch: Any = step.patch
    assert patch["metadata"]["labels"] == {"app": None}
    gone = {key for key, value in patch["metadata"]["annotations"].items() if value is None}
    assert gone == {OVERRIDE_CLASS, COPIED, "note"}


def test_one_that_is_being_deleted_has_no_steps() -> None:
    """The collector takes its twin; a twin that goes comes back when it has gone."""
    going = ObjectMeta(name="le", namespace="team", uid="7", deletion_timestamp=NOW)
    assert decide(ObservedLegacy(legacy(metadata=going))) is DONE
    leaving = msgspec.structs.replace(twin().metadata, deletion_timestamp=NOW)
    assert decide(ObservedLegacy(legacy(), msgspec.structs.replace(twin(), metadata=leaving))) is DONE


def test_the_twin_of_one_that_was_replaced_is_nobodys_mistake() -> None:
    """The collector takes it with its owner, and another is made then; there is nothing for a person to do."""
    replaced = msgspec.structs.replace(legacy().metadata, uid="8")

    assert decide(ObservedLegacy(legacy(metadata=replaced), twin())) is DONE


def test_somebody_elses_object_is_left_alone() -> None:
    """And it is said whose it is."""
    one = msgspec.structs.replace(twin(), metadata=ObjectMeta(name="le", namespace="team"))

    with pytest.raises(WaitingForUser, match=r'Issuer "le" exists already, stands by itself') as raised:
        decide(ObservedLegacy(legacy(), one))
    assert raised.value.reason == "NotMirrored"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"acme": {**ACME, "dns01": {"providers": [{"name": "x", "route53": {}}]}}}, "write instead"),
        ({"acme": {"server": 7}}, "server"),
    ],
    ids=["means", "types"],
)
def test_what_cannot_be_carried_over_is_told(spec: dict[str, Any], told: str) -> None:
    """Not before the object changes."""
    with pytest.raises(Permanent, match=told) as raised:
        decide(ObservedLegacy(legacy(spec=spec)))
    assert raised.value.reason == "NotCarriedOver"


def test_why_there_is_no_twin_is_told_once() -> None:
    """The condition that stands there already is not written again."""
    status = not_mirrored(legacy(), reason="NotMirrored", message="why", now=NOW)

    assert isinstance(status, IssuerStatus)
    assert (status.conditions[0].status, status.conditions[0].message) == (ConditionStatus.FALSE, "why")
    assert not_mirrored(legacy(status=status), reason="NotMirrored", message="why", now=NOW) is None
