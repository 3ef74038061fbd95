"""What --legacy-output adds to Secrets and events."""

from __future__ import annotations

import pytest

from certs.decide.certificatestatus import ISSUED
from certs.decide.effects import Tell
from certs.legacy.output import About, old_annotations, old_events, old_labels


def test_a_secret_gets_the_old_keys() -> None:
    """Those that there were; an empty value is one."""
    told = {"cert-manager.io/issuer-name": "le", "cert-manager.io/ip-sans": "", "cert-manager.io/issuer-group": "x"}

    assert old_annotations(told) == {"certmanager.k8s.io/issuer-name": "le", "certmanager.k8s.io/ip-sans": ""}
    assert old_labels("web") == {"certmanager.k8s.io/certificate-name": "web"}


def test_a_name_that_no_label_can_hold_is_left_out() -> None:
    """The Secret could not be written with it."""
    assert old_labels("a" * 63)
    assert not old_labels("a" * 64)


@pytest.mark.parametrize(
    ("kind", "tell", "events"),
    [
        (
            "Certificate",
            Tell("Generated", 'Stored new private key in temporary Secret resource "x"'),
            [(About.ITSELF, "Generated", "Generated new private key")],
        ),
        ("Certificate", Tell("Issuing", ISSUED), [(About.ITSELF, "CertIssued", "Certificate issued successfully")]),
        ("Certificate", Tell("Issuing", "Issuing certificate as Secret does not exist"), []),
        ("Certificate", Tell("Issuing", ISSUED, "Warning"), []),
        (
            "CertificateRequest",
            Tell("OrderCreated", "Created Order resource team/web-1-7"),
            [(About.CERTIFICATE, "OrderCreated", 'Created Order resource "web-1-7"')],
        ),
        (
            "Order",
            Tell("Complete", "Order completed successfully"),
            [
                (About.ITSELF, "OrderValid", "Order completed successfully"),
                (About.CERTIFICATE, "OrderComplete", 'Order "web" completed successfully'),
            ],
        ),
        ("Order", Tell("Created", 'Created Challenge resource "x"'), []),
    ],
    ids=["key", "issued", "issuing", "a warning", "order", "order's end", "the same today"],
)
def test_events(kind: str, tell: Tell, events: list[tuple[About, str, str]]) -> None:
    """Those that had another reason or text."""
    found = [(about, old.reason, old.message) for about, old in old_events(kind, "web", tell)]

    assert found == events
