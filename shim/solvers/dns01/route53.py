"""Amazon Route 53: record sets, through boto3, which knows AWS' many ways to credentials.

A simple set is read and replaced whole: deleting exactly what was read and creating what shall be is one batch, which
fails when somebody else was there in between (InvalidChangeBatch); then it is read again.  Where a name has
multivalue-answer sets (one set for each value, as cert-manager writes them), ours join them, since Route 53 allows
no simple set beside such.  That the change has reached all of AWS' servers is not waited for here.

Source: Route 53 API, "ChangeResourceRecordSets", "ListHostedZonesByName"; STS API, "AssumeRole",
"AssumeRoleWithWebIdentity".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import boto3
import msgspec
from botocore import UNSIGNED, exceptions, parsers
from botocore.config import Config as BotoConfig

from certs.api.issuer import DNS01Solver, Route53
from certs.outcomes import Failure, Transient, WaitingForUser
from shim.solvers.dns01 import TTL, Change, Credentials, DNSWriter
from shim.solvers.dns01.rest import WITHIN, attempt_at, quoted, secret_text, where

AUDIENCE: Final = "sts.amazonaws.com"
SESSION: Final = "certshim"
# Of a partition with one Route 53 for all regions, any region signs; this is the one that is always there.
REGION: Final = "us-east-1"
NEEDS: Final = (
    "route53:ListHostedZonesByName, and route53:ListResourceRecordSets and route53:ChangeResourceRecordSets on the zone"
)
_TRIES: Final = 3  # two writers of one name meet once; a third meeting is for the back-off
_SETS: Final = 100  # AWS' own limit of multivalue sets of a name
_CREDENTIALS: Final = frozenset(
    (
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IDPRejectedClaim",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "MissingAuthenticationToken",
        "NotAuthorizedException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    )
)
_LATER: Final = frozenset(
    ("IDPCommunicationError", "PriorRequestNotComplete", "RequestLimitExceeded", "Throttling", "ThrottlingException")
)

T = TypeVar("T")


class Client(Protocol):
    """What is asked of boto3's clients."""

    def list_hosted_zones_by_name(self, **wanted: Any) -> Any: ...  # noqa: D102
    def list_resource_record_sets(self, **wanted: Any) -> Any: ...  # noqa: D102
    def change_resource_record_sets(self, **wanted: Any) -> Any: ...  # noqa: D102


class _Config(msgspec.Struct, frozen=True):
    private: bool = msgspec.field(name="PrivateZone", default=False)


class _Zone(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="Id")
    name: str = msgspec.field(name="Name")
    config: _Config = msgspec.field(name="Config", default=_Config())


class _Zones(msgspec.Struct, frozen=True):
    zones: tuple[_Zone, ...] = msgspec.field(name="HostedZones")


class _Record(msgspec.Struct, frozen=True):
    value: str = msgspec.field(name="Value")


class _Set(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str = msgspec.field(name="Name")
    type: str = msgspec.field(name="Type")
    ttl: int = msgspec.field(name="TTL", default=0)
    records: tuple[_Record, ...] = msgspec.field(name="ResourceRecords", default=())
    identifier: str = msgspec.field(name="SetIdentifier", default="")
    is_multivalue: bool = msgspec.field(name="MultiValueAnswer", default=False)
    health_check: str = msgspec.field(name="HealthCheckId", default="")

    @property
    def values(self) -> tuple[str, ...]:
        """The values as they stand, in quotes."""
        return tuple(record.value for record in self.records)


class _Sets(msgspec.Struct, frozen=True):
    sets: tuple[_Set, ...] = msgspec.field(name="ResourceRecordSets")


class _KeyPair(msgspec.Struct, frozen=True):
    access_key_id: str = msgspec.field(name="AccessKeyId")
    secret_access_key: str = msgspec.field(name="SecretAccessKey")
    session_token: str = msgspec.field(name="SessionToken")


class _Assumed(msgspec.Struct, frozen=True):
    credentials: _KeyPair = msgspec.field(name="Credentials")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where AWS is, when not where boto3 says, and how long it may take."""

    url: str | None = None
    within: float = WITHIN


@dataclass(frozen=True, slots=True)
class Writer:
    """One identity.  It is taken on (`sts`) with the first request, since a build sends none."""

    sdk: SDK
    hosted_zone_id: str

    def change(self, change: Change) -> None:
        """Find the zone, read the name's sets, change them in one batch."""
        attempt = attempt_at("Route 53", change)
        client = self.sdk.route53(attempt)
        zone = self.hosted_zone_id.removeprefix("/hostedzone/") or self._zone_id(attempt, client, change.zone)
        for _ in range(_TRIES):
            batch = _batch(attempt, change, self._sets(attempt, client, zone, change.name))
            if not batch or self._changed(attempt, client, zone, batch):
                return
        raise Transient(f"{attempt}: somebody else keeps changing them")

    def _zone_id(self, attempt: str, client: Client, zone: str) -> str:
        listed = self.sdk.asked(attempt, _Zones, client.list_hosted_zones_by_name, DNSName=f"{zone}.", MaxItems="100")
        zones = [found for found in listed.zones if found.name == f"{zone}."]
        if public := [found for found in zones if not found.config.private]:
            return public[0].id.removeprefix("/hostedzone/")
        only = ": it has a private one, which no CA can see" if zones else ""
        raise WaitingForUser(
            f"{attempt}: the account of {self.sdk.who} has no public hosted zone {zone}{only}: "
            "add it, set hostedZoneID, or set the role that may change it"
        )

    def _sets(self, attempt: str, client: Client, zone: str, name: str) -> tuple[_Set, ...]:
        wanted = {
            "HostedZoneId": zone,
            "StartRecordName": f"{name}.",
            "StartRecordType": "TXT",
            "MaxItems": str(_SETS),
        }
        found = self.sdk.asked(attempt, _Sets, client.list_resource_record_sets, **wanted).sets
        return tuple(one for one in found if (one.name, one.type) == (f"{name}.", "TXT"))

    def _changed(self, attempt: str, client: Client, zone: str, batch: list[dict[str, Any]]) -> bool:
        try:
            changes = {"Comment": "certshim", "Changes": batch}
            self.sdk.asked(attempt, dict, client.change_resource_record_sets, HostedZoneId=zone, ChangeBatch=changes)
        except _Raced:
            return False
        return True


class _Raced(Transient):
    """The sets are no longer those that were read."""


def _bad_batch(attempt: str, said: str) -> Failure:
    """Return why a batch was refused, of which only AWS' words tell: most of the time it is a race."""
    if "not permitted in zone" in said:
        return WaitingForUser(f"{attempt}: the name does not lie in the hosted zone: correct route53.hostedZoneID")
    if "conflicting RRSet of type CNAME" in said:
        return WaitingForUser(
            f"{attempt}: a CNAME is set there: set cnameStrategy: Follow in the solver, or remove the CNAME"
        )
    return _Raced(f"{attempt}: they are no longer what was read")


def _batch(attempt: str, change: Change, sets: tuple[_Set, ...]) -> list[dict[str, Any]]:
    """Return the changes that make it so; none when it is so."""
    add, remove = ({quoted(value) for value in values} for values in (change.add, change.remove))
    if any(found.identifier and not found.is_multivalue for found in sets):
        raise WaitingForUser(
            f"{attempt}: a routing policy other than simple or multivalue answer is set there: remove those records"
        )
    if any(found.is_multivalue for found in sets):
        return _multivalue(change.name, add, remove, sets)
    old = sets[0] if sets else None
    there = old.values if old else ()
    values = (*(value for value in there if value not in remove), *sorted(add.difference(there)))
    if values == there:
        return []
    deleted = [_step("DELETE", old)] if old else []
    created = [_step("CREATE", _set_of(change.name, old.ttl if old else TTL, values))] if values else []
    return deleted + created


def _multivalue(name: str, add: set[str], remove: set[str], sets: tuple[_Set, ...]) -> list[dict[str, Any]]:
    there = {value for found in sets for value in found.values}
    deleted = [_step("DELETE", found) for found in sets if set(found.values) <= remove]
    created = [
        _step("CREATE", msgspec.structs.replace(_set_of(name, TTL, (value,)), identifier=value, is_multivalue=True))
        for value in sorted(add - there)
    ]
    return deleted + created


def _set_of(name: str, ttl: int, values: tuple[str, ...]) -> _Set:
    return _Set(name=f"{name}.", type="TXT", ttl=ttl, records=tuple(_Record(value) for value in values))


def _step(action: str, one: _Set) -> dict[str, Any]:
    built = msgspec.to_builtins(one)
    return {"Action": action, "ResourceRecordSet": {**built, "ResourceRecords": list(built["ResourceRecords"])}}


class SDK:
    """boto3 under one solver's configuration; the only part that knows its exceptions."""

    def __init__(self, settings: Route53, credentials: Credentials, endpoints: Endpoints) -> None:
        self._settings = settings
        self._credentials = credentials
        self._endpoints = endpoints
        self.who, self._keys = _keys(settings, credentials)
        self._token = settings.auth.kubernetes.service_account_ref if settings.auth else None
        if self._token is not None:
            self.who = f'the token of service account "{self._token.name}"'

    def route53(self, attempt: str) -> Client:
        """Return a client with the role taken on, if there is one."""
        session = self._session(attempt)
        client: Client = session.client("route53", endpoint_url=self._endpoints.url, config=self._config())
        return client

    def asked(self, attempt: str, kind: type[T], call: Any, **wanted: Any) -> T:
        """Call an operation and return its answer decoded; raises the class of what went wrong."""
        try:
            return msgspec.convert(call(**wanted), type=kind, strict=False)
        except exceptions.ClientError as error:
            raise self._failure(attempt, error.response) from error
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            raise WaitingForUser(
                f"{attempt}: {self.who} is not set: name an access key, or give the shim a role"
            ) from error
        except (exceptions.BotoCoreError, parsers.ResponseParserError, msgspec.ValidationError) as error:
            raise Transient(f"{attempt}: no complete answer from AWS: check network policies and proxies") from error

    def _session(self, attempt: str) -> Any:
        """Return a session of the identity that changes the zone."""
        region = {"region_name": self._settings.region} if self._settings.region else {}
        if self._token is not None:
            # Whoever is ambient has no part in it: the token alone tells who asks.
            session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", **region)  # noqa: S106
        else:
            session = boto3.Session(**self._keys, **region)
        region = {"region_name": session.region_name or REGION}
        if self._token is None and not self._settings.role:
            return boto3.Session(**self._keys, **region)
        taken = self._assumed(
            attempt,
            session.client(
                "sts", endpoint_url=self._endpoints.url, config=self._config(signed=self._token is None), **region
            ),
        )
        return boto3.Session(
            aws_access_key_id=taken.access_key_id,
            aws_secret_access_key=taken.secret_access_key,
            aws_session_token=taken.session_token,
            **region,
        )

    def _assumed(self, attempt: str, sts: Any) -> _KeyPair:
        role = {"RoleArn": self._settings.role, "RoleSessionName": SESSION}
        if self._token is None:
            return self.asked(attempt, _Assumed, sts.assume_role, **role).credentials
        if not self._settings.role:
            raise WaitingForUser(f"{attempt}: route53.auth.kubernetes needs a role: set route53.role")
        token = self._credentials.token(self._token.name, self._token.audiences or (AUDIENCE,))
        call = sts.assume_role_with_web_identity
        return self.asked(attempt, _Assumed, call, **role, WebIdentityToken=token).credentials

    def _config(self, *, signed: bool = True) -> Any:
        return BotoConfig(
            connect_timeout=self._endpoints.within,
            read_timeout=self._endpoints.within,
            retries={"total_max_attempts": 1},  # attempts are the queue's
            user_agent_extra="certshim",
            **({} if signed else {"signature_version": UNSIGNED}),
        )

    def _failure(self, attempt: str, response: Any) -> Failure:
        code = str(response.get("Error", {}).get("Code", ""))
        status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code == "InvalidChangeBatch":
            return _bad_batch(attempt, str(response.get("Error", {}).get("Message", "")))
        if code in _LATER or status >= 500 or status == 429:
            return Transient(f"{attempt}: AWS could not do it now ({code})")
        if code in _CREDENTIALS or status in {401, 403}:
            role = f" with role {self._settings.role}" if self._settings.role else ""
            return WaitingForUser(f"{attempt}: AWS refuses {self.who}{role} ({code}): allow it {NEEDS}")
        if code == "NoSuchHostedZone":
            zone = self._settings.hosted_zone_id
            return WaitingForUser(f"{attempt}: {self.who} sees no hosted zone {zone}: correct hostedZoneID")
        if code.isalnum():
            return WaitingForUser(f"{attempt}: AWS does not accept it ({code}): check the solver's fields")
        return Transient(f"{attempt}: AWS answered with something unexpected")


def _keys(settings: Route53, credentials: Credentials) -> tuple[str, dict[str, str]]:
    """Return whose identity is used, and the arguments of a session for it."""
    ref, secret = settings.access_key_id_secret_ref, settings.secret_access_key_secret_ref
    if settings.auth is not None:
        return "", {}
    if not settings.access_key_id and ref is None and secret is None:
        if not credentials.ambient:
            raise WaitingForUser(
                "route53 names no credentials, and this issuer may not use the shim's own: "
                "add accessKeyIDSecretRef and secretAccessKeySecretRef, or auth.kubernetes"
            )
        return "the shim's own AWS identity", {}
    if secret is None or not secret.name:
        raise WaitingForUser("route53 has an access key id without secretAccessKeySecretRef: add it")
    if ref is None and not settings.access_key_id:
        raise WaitingForUser("route53 has a secret access key without its id: add accessKeyIDSecretRef")
    key = secret_text(credentials, ref) if ref is not None else settings.access_key_id
    named = f"the access key in {where(ref or secret)}"
    return named, {"aws_access_key_id": key, "aws_secret_access_key": secret_text(credentials, secret)}


def build(solver: DNS01Solver, credentials: Credentials, *, endpoints: Endpoints | None = None) -> DNSWriter:
    """Return a writer; sends nothing."""
    settings = solver.route53 or Route53()
    return Writer(SDK(settings, credentials, endpoints or Endpoints()), settings.hosted_zone_id)
