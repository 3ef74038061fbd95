"""The reference pages."""

from __future__ import annotations

import re

import pytest

from certs.api.crd import KINDS
from certs.api.reference import pages

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    """Every link leads to a heading of the page or to another page."""
    headings = re.findall(r"^## (.+)$", PAGES[name], re.MULTILINE)
    anchors = {"#" + re.sub(r"[^a-z0-9]", "", heading.lower()) for heading in headings}

    assert len(anchors) == len(headings)
    assert set(re.findall(r"\]\(([^)]+)\)", PAGES[name])) <= anchors | PAGES.keys()


def test_each_kind_has_a_page_that_the_contents_link() -> None:
    """A reader finds every kind from the first page."""
    linked = re.findall(r"\]\(([^)]+)\)", PAGES["README.md"])

    assert linked == [f"{kind.resource.kind.lower()}.md" for kind in KINDS]


@pytest.mark.parametrize(
    ("page", "row"),
    [
        ("certificate.md", "| `secretName` | string | yes | "),
        ("certificate.md", "| `privateKey` | [object](#specprivatekey) |  | "),
        ("certificate.md", "| `dnsNames` | list of string |  | "),
        ("certificate.md", "| `labels` | map of string |  | "),
        ("certificate.md", "| `notAfter` | time (RFC 3339) |  | "),
        ("issuer.md", "| `caBundle` | base64 |  | "),
        ("issuer.md", "| `solvers` | list of [object](#specacmesolvers) |  | "),
        ("issuer.md", "| `limits` | map of integer or string |  | "),
        ("issuer.md", "| `config` | any JSON |  | "),
        ("issuer.md", "One of `ARI`, `None`. Default: `ARI`. |"),
        ("issuer.md", "Rule: exactly one of tpp, cloud, or ngts must be configured."),
        ("challenge.md", "One of `valid`, `ready`, `pending`, `processing`, `invalid`, `expired`, `errored`. |"),
    ],
)
def test_row(page: str, row: str) -> None:
    """Types, requirements, words and defaults are told in the reader's language."""
    assert row in PAGES[page]
