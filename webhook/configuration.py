"""The webhook configurations: just enough of them to keep our CA in `caBundle`.

A configuration that asks cert-manager's cainjector to do that is left alone: each of the two would
replace what the other wrote.  kubectl keeps such an annotation when it applies our manifest over
the object of a Helm release.
"""

from __future__ import annotations

from typing import ClassVar, Final, TypeVar

from certs.api.meta import APIStruct, ObjectMeta, Resource

GROUP: Final = "admissionregistration.k8s.io"
# By which an object asks the cainjector for its caBundle (cert-manager, pkg/controller/cainjector).
INJECTED: Final = (
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
    "cert-manager.io/inject-apiserver-ca",
)


class ClientConfig(APIStruct, frozen=True):
    """Whom the API server trusts when it calls; where it calls is the installer's."""

    ca_bundle: bytes = b""


class Webhook(APIStruct, frozen=True):
    """One entry, merged by its name."""

    name: str
    client_config: ClientConfig = ClientConfig()


class ValidatingWebhookConfiguration(APIStruct, frozen=True):
    """What the API server asks before it stores."""

    resource: ClassVar[Resource] = Resource(
        GROUP, "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", namespaced=False
    )

    metadata: ObjectMeta
    webhooks: tuple[Webhook, ...] = ()


class MutatingWebhookConfiguration(APIStruct, frozen=True):
    """What the API server asks to have filled in."""

    resource: ClassVar[Resource] = Resource(
        GROUP, "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", namespaced=False
    )

    metadata: ObjectMeta
    webhooks: tuple[Webhook, ...] = ()


ConfigurationT = TypeVar("ConfigurationT", ValidatingWebhookConfiguration, MutatingWebhookConfiguration)


def other_writer(configuration: ConfigurationT) -> str:
    """Return why `caBundle` is not ours to write, and what to do; empty when it is."""
    key = next((key for key in INJECTED if key in configuration.metadata.annotations), "")
    if not key:
        return ""
    kind, name = configuration.resource.kind, configuration.metadata.name
    return (
        f"cannot write caBundle of {kind} {name}: its annotation {key} has cert-manager's cainjector write it, too; "
        f"uninstall cert-manager, then run: kubectl annotate {kind.lower()} {name} {key}-"
    )


def trusting(configuration: ConfigurationT, bundle: bytes) -> ConfigurationT | None:
    """Return what to apply so that every entry trusts the bundle, and nothing else; None when all do."""
    if all(webhook.client_config.ca_bundle == bundle for webhook in configuration.webhooks):
        return None
    client = ClientConfig(ca_bundle=bundle)
    webhooks = tuple(Webhook(webhook.name, client) for webhook in configuration.webhooks)
    return type(configuration)(metadata=ObjectMeta(name=configuration.metadata.name), webhooks=webhooks)
