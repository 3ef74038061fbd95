"""What an annotated Ingress leaves out and we fill in: hosts and Secret names of `spec.tls`, today's keys for old ones.

A developer who only annotates gets one TLS entry with the hosts of the rules; an entry without
hosts gets those hosts of the rules that no other entry has; an entry without a Secret gets a name
made from the Ingress's.  Hosts that we filled in follow the rules until somebody edits them
(`certs.mark` tells which those are).  The annotation `certshim.io/tls: manual` keeps our hands off `spec.tls`.

Nothing that was written is changed, with one exception that takes nothing from anybody: hosts of
`spec.tls` in capitals, with a final dot, or in other letters than ASCII are written as the API server
wants them; it would refuse the Ingress otherwise.  Names that stand there twice or under a wildcard of the
same entry are valid, so they stay, and are left out of the Certificate only (`certs.wanted`): a
manifest that is compared with the live object shows no difference, and proxies that want each host listed find it.
The rules' hosts are never changed; that the API server refuses them is told with what to write.

It is a function of the object, and done twice it changes nothing more, so that it can be done at
admission, by the controller, or by both.  The JSON Patch operations are written by hand: `add` on an absent, null or
empty member, which needs no diff and no copy of the object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final, NamedTuple

import msgspec

from certs.annotations import FILLED, LEGACY, TLS_MODE
from certs.api.ingress import Ingress, IngressRule, IngressSpec, IngressTLS
from certs.hosts import stored_host
from certs.manifests import UNSEEN, Manifests
from certs.mark import NOTHING, Mark, fingerprint, is_annotation, is_copied, is_ours, read_mark, written
from certs.names import ingress_secret_name
from certs.patch import Operation, add, annotated
from certs.route import is_route
from certs.translation import translation
from certs.wanted import Settings, is_annotated, is_wanted

MANUAL: Final = "manual"
MAX_NAME: Final = 253  # of a Secret: a DNS subdomain
MAX_MENDED: Final = 256  # hosts that are looked at for another form: no CA takes so many names, and each costs time

Entries = tuple[IngressTLS, ...]


@dataclass(frozen=True, slots=True)
class Mutation:
    """How the Ingress shall be: `tls` as a whole, annotations that change (None: go), and what to tell its author."""

    tls: Entries
    annotations: Mapping[str, str | None] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """The Ingress as it shall be, and how to get there; no operations when nothing is missing."""

    ingress: Ingress
    operations: tuple[Operation, ...] = ()
    warnings: tuple[str, ...] = ()


def complete(ingress: Ingress, settings: Settings, manifests: Manifests = UNSEEN) -> Completion:
    """Return the Ingress with everything filled in, if it asks for certificates."""
    mutation = mutated(ingress, settings, manifests)
    if mutation is None:
        return Completion(ingress)
    metadata, spec = ingress.metadata, ingress.spec
    if mutation.annotations:
        new = {**metadata.annotations, **mutation.annotations}
        metadata = msgspec.structs.replace(metadata, annotations={k: v for k, v in new.items() if v is not None})
    if mutation.tls is not spec.tls:
        spec = msgspec.structs.replace(spec, tls=mutation.tls)
    new_ingress = msgspec.structs.replace(ingress, metadata=metadata, spec=spec)
    return Completion(new_ingress, operations(ingress, mutation), mutation.warnings)


def mutated(ingress: Ingress, settings: Settings, manifests: Manifests = UNSEEN) -> Mutation | None:
    """Return what shall be different, or None when there is nothing to fill in and nothing to tell.

    `manifests` knows what people wrote themselves; it is asked only when something of ours is to change.
    """
    metadata = ingress.metadata
    annotations, old = metadata.annotations, ingress.spec.tls
    if not is_wanted(ingress, settings):
        return None
    plain = _is_plain(ingress.spec)
    if plain and annotations.keys().isdisjoint(LEGACY) and _is_settled(ingress):
        return None
    mark = read_mark(annotations) if FILLED in annotations else NOTHING
    keys = translation(annotations, mark, manifests)
    hands_off = annotations.get(TLS_MODE) == MANUAL or not _is_annotated_still(annotations, keys.changes, settings)
    tls = _untouched(old, mark) if hands_off else _filled(ingress, mark, manifests, plain=plain)
    text = written({**keys.mark, **tls.mark})
    changes, warnings = keys.changes, keys.warnings + tls.warnings
    if text != annotations.get(FILLED, "") and not (FILLED in annotations and is_copied(annotations)):
        changes = {**changes, FILLED: text or None}
    if tls.entries is old and not changes and not warnings:
        return None
    return Mutation(tls.entries, changes, warnings)


def _is_annotated_still(annotations: Mapping[str, str], changes: Mapping[str, str | None], settings: Settings) -> bool:
    """Does it still ask, if an annotation of ours goes with the old one that it came from?"""
    if None not in changes.values():
        return True
    return is_annotated({key: text for key, text in {**annotations, **changes}.items() if text is not None}, settings)


def operations(ingress: Ingress, mutation: Mutation) -> tuple[Operation, ...]:
    """Return the operations that lead there."""
    old, new = ingress.spec.tls, mutation.tls
    of_tls = () if new is old else _operations(old, new)
    if not mutation.annotations:
        return of_tls
    return (*annotated(ingress.metadata.annotations, mutation.annotations), *of_tls)


def _is_settled(ingress: Ingress) -> bool:
    """Is nothing missing, and nothing of ours out of date?  Seen at a glance, since most Ingresses are so."""
    entries, filled = ingress.spec.tls, ingress.metadata.annotations.get(FILLED)
    if filled is None:
        for entry in entries:
            if not entry.hosts or not entry.secret_name:
                return False
        return bool(entries)
    if len(entries) != 1 or not entries[0].hosts:
        return False
    (entry,) = entries
    rules = tuple(rule.host for rule in ingress.spec.rules if not is_route(rule))
    return entry.hosts == rules and filled == f"{entry.secret_name}={fingerprint(rules)}"


def _is_plain(spec: IngressSpec) -> bool:
    """Are all hosts in ASCII, in small letters and without a final dot, or too many to be mended?"""
    hosts = [rule.host for rule in spec.rules]
    for entry in spec.tls:
        hosts += entry.hosts
    if len(hosts) > MAX_MENDED:
        return True
    text = "\n".join(hosts)
    return text.isascii() and text == text.lower() and ".\n" not in text and text[-1:] != "."


class _TLS(NamedTuple):
    """`spec.tls` as it shall be (the same object when nothing is missing), what of it is ours, and what to tell."""

    entries: Entries
    mark: Mark = NOTHING
    warnings: tuple[str, ...] = ()


def _untouched(entries: Entries, mark: Mark) -> _TLS:
    """Leave the entries as they are, and what the mark says of them."""
    return _TLS(entries, {name: digits for name, digits in mark.items() if not is_annotation(name)})


def _filled(ingress: Ingress, mark: Mark, manifests: Manifests, *, plain: bool) -> _TLS:
    """Fill in what is missing; plain are hosts that need no other form.

    Without a name (`generateName`: it comes after admission) nothing is filled in that would need it: the controller
    does that, and leaves the mark.
    """
    old, rules, name = ingress.spec.tls, ingress.spec.rules, ingress.metadata.name
    warnings = () if plain else _refused_rules(rules)
    if not old:
        hosts = _hosts(rules, plain=plain)
        if not hosts or not name:
            return _TLS(old, NOTHING, warnings)
        secret = ingress_secret_name(name)
        return _TLS((IngressTLS(hosts, secret),), {secret: fingerprint(hosts)}, warnings)
    told = () if plain else _canonical(old)
    place = next((i for i, entry in enumerate(old) if is_ours(entry.secret_name, entry.hosts, mark)), None)
    entries = _named(_stored(old) if told else old, name)
    entries, ours = _hosted(entries, place, _hosts(rules, plain=plain), manifests)
    return _TLS(old if entries == old else entries, ours, warnings + told)


def _refused_rules(rules: tuple[IngressRule, ...]) -> tuple[str, ...]:
    """Say which hosts of rules the API server will refuse though there is a form of them that it takes."""
    return tuple(
        f"spec.rules[{i}].host: write {stored}, the only form that an Ingress takes"
        for i, rule in enumerate(rules)
        if (stored := stored_host(rule.host)) is not rule.host
    )


def _canonical(entries: Entries) -> tuple[str, ...]:
    return tuple(
        f"spec.tls[{i}].hosts[{j}]: stored as {stored}, the only form that an Ingress takes"
        for i, entry in enumerate(entries)
        for j, host in enumerate(entry.hosts)
        if (stored := stored_host(host)) is not host
    )


def _stored(entries: Entries) -> Entries:
    """Return the entries with hosts as the API server wants them; a list that has to change anyway names each once."""
    found = []
    for entry in entries:
        hosts = tuple(map(stored_host, entry.hosts))
        same = hosts == entry.hosts
        found.append(entry if same else msgspec.structs.replace(entry, hosts=tuple(dict.fromkeys(hosts))))
    return tuple(found)


def _hosts(rules: tuple[IngressRule, ...], *, plain: bool) -> tuple[str, ...]:
    hosts = [rule.host for rule in rules if rule.host and not is_route(rule)]
    return tuple(dict.fromkeys(hosts if plain else map(stored_host, hosts)))


def _hosted(entries: Entries, place: int | None, rules: tuple[str, ...], manifests: Manifests) -> tuple[Entries, Mark]:
    """Give the rules' hosts that no other entry has to one entry, that which had them or the first empty, and mark it.

    Hosts that stay keep their places, so that a rule that only moves changes no Certificate.  With no host left,
    what was there stays.
    """
    if place is None:
        place = next((i for i, entry in enumerate(entries) if not entry.hosts and entry.secret_name), None)
    if place is None:
        return entries, NOTHING
    entry = entries[place]
    taken = {host for i, other in enumerate(entries) if i != place for host in other.hosts}
    free = dict.fromkeys(host for host in rules if host not in taken)
    hosts = tuple(dict.fromkeys([*filter(free.__contains__, entry.hosts), *free])) or entry.hosts
    if not hosts or (entry.hosts and hosts != entry.hosts and manifests.has_hosts(entry.secret_name)):
        return entries, NOTHING
    if hosts != entry.hosts:
        entries = (*entries[:place], msgspec.structs.replace(entry, hosts=hosts), *entries[place + 1 :])
    return entries, {entry.secret_name: fingerprint(hosts)}


def _named(entries: Entries, ingress_name: str) -> Entries:
    """Give each entry without a Secret the first name that no other entry has."""
    if not ingress_name or all(entry.secret_name for entry in entries):
        return entries
    taken = {entry.secret_name for entry in entries}
    free = (name for name in secret_names(ingress_name) if name not in taken)
    return tuple(
        entry if entry.secret_name else msgspec.structs.replace(entry, secret_name=next(free)) for entry in entries
    )


def secret_names(ingress_name: str) -> Iterator[str]:
    """Yield `shop-tls`, `shop-tls-2`, `shop-tls-3`, …: names that are no other Ingress's first choice."""
    first = ingress_secret_name(ingress_name)
    yield first
    for number in count(2):
        suffix = f"-{number}"
        yield first[: MAX_NAME - len(suffix)] + suffix


def _operations(old: Entries, new: Entries) -> tuple[Operation, ...]:
    if not old:
        return (add("/spec/tls", new),)
    found = []
    for i, (before, after) in enumerate(zip(old, new, strict=True)):
        if before.hosts != after.hosts:
            found.append(add(f"/spec/tls/{i}/hosts", after.hosts))
        if before.secret_name != after.secret_name:
            found.append(add(f"/spec/tls/{i}/secretName", after.secret_name))
    return tuple(found)
