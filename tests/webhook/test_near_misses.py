"""The expression of misspelled annotations in the manifest, against what `misspelled` would tell.

The API server evaluates the expression to see whether it asks us at all; a key that it does not know
is never told.  `tests/system/test_match_conditions.py` has the API server evaluate some of these.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from certs.annotations import ELSEWHERE, KNOWN, LEGACY
from certs.rules.spelling import misspelled
from tests.webhook.expression import PATTERN, near_miss

LETTERS = "az09-."  # what may stand in a key, by example; capitals are told apart nowhere
PAIRS = 400  # of two typing errors, by chance: all of them are some ten million for each key

FOREIGN = [
    "kubernetes.io/ingress.class",
    "kubernetes.io/ingress.allow-http",
    "kubectl.kubernetes.io/last-applied-configuration",
    "nginx.ingress.kubernetes.io/rewrite-target",
    "nginx.ingress.kubernetes.io/auth-tls-secret",
    "nginx.org/server-snippets",
    "traefik.ingress.kubernetes.io/router.tls",
    "traefik.ingress.kubernetes.io/router.tls.certresolver",
    "haproxy.org/ssl-redirect",
    "haproxy-ingress.github.io/auth-url",
    "ingress.kubernetes.io/ssl-redirect",
    "alb.ingress.kubernetes.io/certificate-arn",
    "appgw.ingress.kubernetes.io/ssl-redirect",
    "konghq.com/strip-path",
    "external-dns.alpha.kubernetes.io/hostname",
    "external-dns.alpha.kubernetes.io/target",
    "meta.helm.sh/release-name",
    "argocd.argoproj.io/sync-wave",
    "argocd.argoproj.io/tracking-id",
    "kustomize.toolkit.fluxcd.io/prune",
    "checksum/config",
    "gethomepage.dev/name",
    "gethomepage.dev/description",
    "cloud.google.com/neg",
    "networking.gke.io/managed-certificates",
    "field.cattle.io/publicEndpoints",
    "reloader.stakater.com/auto",
    "prometheus.io/scrape",
    "app.kubernetes.io/managed-by",
    "projectcontour.io/websocket-routes",
    "service.beta.kubernetes.io/aws-load-balancer-type",
    "name",
]


def typed_wrongly(text: str) -> Iterator[str]:
    """Yield the text after one typing error: a letter too many, too few, another one, or two swapped."""
    for i in range(len(text) + 1):
        before, after = text[:i], text[i:]
        yield from (before + letter + after for letter in LETTERS)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in LETTERS)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]


@pytest.mark.parametrize("key", [*KNOWN, *LEGACY])
def test_matches_what_one_typing_error_makes_of_a_known_key(key: str) -> None:
    """Every one of them that would be told."""
    missed = [wrong for wrong in typed_wrongly(key) if misspelled(wrong) and not near_miss(wrong)]

    assert missed == []


@pytest.mark.parametrize("key", [*KNOWN, *LEGACY])
def test_matches_what_two_typing_errors_make_of_a_known_key(key: str) -> None:
    """Some of them by chance, the same ones each time."""
    chance = random.Random(key)  # noqa: S311 - for examples, not for secrets
    once = list(typed_wrongly(key))
    twice = [chance.choice(list(typed_wrongly(chance.choice(once)))) for _ in range(PAIRS)]

    assert [wrong for wrong in twice if misspelled(wrong) and not near_miss(wrong)] == []


@pytest.mark.parametrize("prefix", sorted({key.partition("/")[0] for key in KNOWN}))
def test_two_typing_errors_in_the_prefix_leave_something_to_match(prefix: str) -> None:
    """All of them, with the name that is hardest to recognise: none that is known."""
    name = {"kubernetes.io": "tls-acme"}.get(prefix, "x")
    twice = {wrong for once in set(typed_wrongly(prefix)) for wrong in typed_wrongly(once)}

    assert [wrong for wrong in twice if not near_miss(f"{wrong}/{name}")] == []


@pytest.mark.parametrize("key", [*KNOWN, *LEGACY, *ELSEWHERE])
def test_matches_the_known_keys_themselves(key: str) -> None:
    """In capitals, too."""
    assert near_miss(key)
    assert near_miss(key.upper())


@pytest.mark.parametrize("key", FOREIGN)
def test_does_not_match_what_others_write(key: str) -> None:
    """Nobody waits for us because of another's annotation."""
    assert misspelled(key) is None
    assert not near_miss(key)


def test_reads_as_the_api_server_reads() -> None:
    """RE2 has neither look-around nor back references; what is left means the same to `re`."""
    assert not re.search(r"\(\?[^i:]|\\[1-9]", PATTERN.pattern)
