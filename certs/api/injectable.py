"""What carries a `caBundle` that others may have filled in: whom the API server trusts when it calls out.

Of each kind there are two structs.  The one with `…Metadata` is what is followed of all objects: their names and, of
the annotations, those by which an object asks for a bundle.  The other has the bundles, and is read of one that asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import msgspec

from certs.api.meta import APIStruct, ObjectMeta, Resource
from certs.legacy.words import LEGACY_GROUP

FROM_SECRET: Final = "cert-manager.io/inject-ca-from-secret"  # noqa: S105  an annotation's key
FROM_CERTIFICATE: Final = "cert-manager.io/inject-ca-from"
FROM_APISERVER: Final = "cert-manager.io/inject-apiserver-ca"
# By which an object asks for its caBundle, in the order in which they count (cert-manager, pkg/controller/cainjector) …
ASKING: Final = (FROM_SECRET, FROM_CERTIFICATE, FROM_APISERVER)
# … and before v0.11 (docs/legacy.md).
ASKING_THEN: Final = tuple(f"{LEGACY_GROUP}/{key.partition('/')[2]}" for key in ASKING)
INJECTED: Final = (*ASKING, *ASKING_THEN)

_ADMISSION: Final = "admissionregistration.k8s.io"
_VALIDATING: Final = Resource(
    _ADMISSION, "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", namespaced=False
)
_MUTATING: Final = Resource(
    _ADMISSION, "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", namespaced=False
)
_CRD: Final = Resource(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
_API_SERVICE: Final = Resource("apiregistration.k8s.io", "v1", "APIService", "apiservices", namespaced=False)


class AskingMeta(ObjectMeta, frozen=True):
    """Metadata of which only what asks for a bundle is kept: kubectl puts a whole CRD into an annotation."""

    def __post_init__(self) -> None:
        """Drop the rest."""
        kept = {key: value for key, value in self.annotations.items() if key in INJECTED}
        msgspec.structs.force_setattr(self, "annotations", kept)
        msgspec.structs.force_setattr(self, "labels", {})
        msgspec.structs.force_setattr(self, "owner_references", ())


class ValidatingWebhookConfigurationMetadata(APIStruct, frozen=True):
    """A ValidatingWebhookConfiguration of which only the metadata was fetched."""

    resource: ClassVar[Resource] = _VALIDATING

    metadata: AskingMeta


class MutatingWebhookConfigurationMetadata(APIStruct, frozen=True):
    """A MutatingWebhookConfiguration of which only the metadata was fetched."""

    resource: ClassVar[Resource] = _MUTATING

    metadata: AskingMeta


class CustomResourceDefinitionMetadata(APIStruct, frozen=True):
    """A CustomResourceDefinition of which only the metadata was fetched."""

    resource: ClassVar[Resource] = _CRD

    metadata: AskingMeta


class APIServiceMetadata(APIStruct, frozen=True):
    """An APIService of which only the metadata was fetched."""

    resource: ClassVar[Resource] = _API_SERVICE

    metadata: AskingMeta


class ClientConfig(APIStruct, frozen=True):
    """Whom the API server trusts when it calls; where it calls is the installer's."""

    ca_bundle: bytes = b""


class Webhook(APIStruct, frozen=True):
    """One entry, merged by its name."""

    name: str
    client_config: ClientConfig = ClientConfig()


class ValidatingWebhookConfiguration(APIStruct, frozen=True):
    """What the API server asks before it stores."""

    resource: ClassVar[Resource] = _VALIDATING

    metadata: ObjectMeta
    webhooks: tuple[Webhook, ...] = ()


class MutatingWebhookConfiguration(APIStruct, frozen=True):
    """What the API server asks to have filled in."""

    resource: ClassVar[Resource] = _MUTATING

    metadata: ObjectMeta
    webhooks: tuple[Webhook, ...] = ()


class ConversionWebhook(APIStruct, frozen=True):
    """Who converts between the versions of a kind."""

    client_config: ClientConfig | None = None


class Conversion(APIStruct, frozen=True):
    """How versions of a kind are converted."""

    webhook: ConversionWebhook | None = None


class CustomResourceDefinitionSpec(APIStruct, frozen=True):
    """Of a kind, only how it is converted."""

    conversion: Conversion | None = None


class CustomResourceDefinition(APIStruct, frozen=True):
    """A kind that somebody has added."""

    resource: ClassVar[Resource] = _CRD

    metadata: ObjectMeta
    spec: CustomResourceDefinitionSpec = CustomResourceDefinitionSpec()


class APIServiceSpec(APIStruct, frozen=True):
    """How an API of somebody else's server is reached."""

    ca_bundle: bytes = b""
    service: dict[str, object] | None = None


class APIService(APIStruct, frozen=True):
    """An API that another server serves; without a service, the API server itself."""

    resource: ClassVar[Resource] = _API_SERVICE

    metadata: ObjectMeta
    spec: APIServiceSpec = APIServiceSpec()


AskingMetadata = (
    ValidatingWebhookConfigurationMetadata
    | MutatingWebhookConfigurationMetadata
    | CustomResourceDefinitionMetadata
    | APIServiceMetadata
)
Injectable = ValidatingWebhookConfiguration | MutatingWebhookConfiguration | CustomResourceDefinition | APIService
# What is followed of each kind, and what is read of an object that asks.
KINDS: Final[Mapping[type[AskingMetadata], type[Injectable]]] = {
    ValidatingWebhookConfigurationMetadata: ValidatingWebhookConfiguration,
    MutatingWebhookConfigurationMetadata: MutatingWebhookConfiguration,
    CustomResourceDefinitionMetadata: CustomResourceDefinition,
    APIServiceMetadata: APIService,
}
