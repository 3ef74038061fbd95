"""The webhook configurations: just enough of them to keep our CA in `caBundle`.

A configuration that asks cert-manager's cainjector to do that is left alone: each of the two would
replace what the other wrote.  kubectl keeps such an annotation when it applies our manifest over
the object of a Helm release.
"""

from __future__ import annotations

from typing import TypeVar

from certs.api.injectable import (
    INJECTED,
    ClientConfig,
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    Webhook,
)
from certs.api.meta import ObjectMeta

ConfigurationT = TypeVar("ConfigurationT", ValidatingWebhookConfiguration, MutatingWebhookConfiguration)


def other_writer(configuration: ConfigurationT) -> str:
    """Return why `caBundle` is not ours to write, and what to do; empty when it is."""
    key = next((key for key in INJECTED if key in configuration.metadata.annotations), "")
    if not key:
        return ""
    kind, name = configuration.resource.kind, configuration.metadata.name
    return (
        f"cannot write caBundle of {kind} {name}: its annotation {key} has a CA injector write it; "
        f"run: kubectl annotate {kind.lower()} {name} {key}-"
    )


def trusting(configuration: ConfigurationT, bundle: bytes) -> ConfigurationT | None:
    """Return what to apply so that every entry trusts the bundle, and nothing else; None when all do."""
    if all(webhook.client_config.ca_bundle == bundle for webhook in configuration.webhooks):
        return None
    client = ClientConfig(ca_bundle=bundle)
    webhooks = tuple(Webhook(webhook.name, client) for webhook in configuration.webhooks)
    return type(configuration)(metadata=ObjectMeta(name=configuration.metadata.name), webhooks=webhooks)
