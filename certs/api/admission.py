"""AdmissionReview (`admission.k8s.io/v1`): what the API server asks, and what we answer.

`object` and `oldObject` stay raw until the kind is known, so that an update decodes only what its rules read.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from certs.api.meta import APIStruct


class GroupVersionKind(APIStruct, frozen=True):
    """A kind by group and version."""

    group: str = ""
    version: str = ""
    kind: str = ""


class GroupVersionResource(APIStruct, frozen=True):
    """A resource by group and version."""

    group: str = ""
    version: str = ""
    resource: str = ""


class UserInfo(APIStruct, frozen=True):
    """Who makes the request."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class AdmissionRequest(APIStruct, frozen=True):
    """The request under review."""

    uid: str
    kind: GroupVersionKind
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    resource: GroupVersionResource = GroupVersionResource()
    sub_resource: str = ""
    name: str = ""
    namespace: str = ""
    user_info: UserInfo = UserInfo()
    object: msgspec.Raw = msgspec.Raw()
    old_object: msgspec.Raw = msgspec.Raw()
    dry_run: bool | None = None


class AdmissionReview(APIStruct, frozen=True):
    """The envelope of a review, as it comes in."""

    request: AdmissionRequest
    api_version: str = ""
    kind: str = ""


class Status(APIStruct, frozen=True):
    """Why something was refused."""

    code: int = 0
    message: str = ""
    reason: str = ""


class AdmissionResponse(APIStruct, frozen=True, omit_defaults=False):
    """The verdict."""

    uid: str
    allowed: bool
    status: Status | msgspec.UnsetType = msgspec.UNSET
    patch: bytes | msgspec.UnsetType = msgspec.UNSET
    patch_type: Literal["JSONPatch"] | msgspec.UnsetType = msgspec.UNSET
    audit_annotations: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    warnings: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class AdmissionReply(APIStruct, frozen=True, omit_defaults=False):
    """The envelope of a verdict, as it goes out."""

    response: AdmissionResponse
    api_version: str = "admission.k8s.io/v1"
    kind: str = "AdmissionReview"
