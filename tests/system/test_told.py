"""What the product told people in the whole run, held against the advice of `certshim explain`.

This runs last (`tests/system/conftest.py`).  A run of some tests cannot tell what is never said, and says so.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from shim.acme import problems
from shim.chain.symptoms import TABLE
from tests.cluster import Cluster
from tests.product import Product
from tests.shim.chain import decided, heard
from tests.told import Told, answered, told, unadvised, unmet

pytestmark = pytest.mark.system

# Failures that `explain` adds nothing to, and why.
REMEDIES: Final = "|".join(re.escape(remedy) for _, remedy in problems.BY_TYPE.values())
PATIENCE: Final = "nothing is wrong: it takes its time"
BY_ITSELF: Final = "it goes on by itself, and the sentence says how"
SAYS: Final = "the sentence ends with what to do"
NEEDLESS: Final[dict[str, str]] = {
    r"challenge propagation: no answer yet": PATIENCE,
    r"Waiting \S+ before accepting": "nothing is wrong: the issuer has it wait",
    r"start a new order|a new order will be started": BY_ITSELF,
    r"a new one is made with the next attempt|generating new key": BY_ITSELF,
    r"Event Certificate ARIError": "it is renewed by its lifetime then",
    r"it was made for an earlier request of this name": BY_ITSELF,
    r"its Order makes another Challenge|its issuer has (been set to another server|changed) since": BY_ITSELF,
    r"another registration there is under way": BY_ITSELF,
    r"to which the CA has given the account's order for the same names": BY_ITSELF,
    r"because it is being terminated": "its namespace goes away",
    rf": ({REMEDIES})": SAYS,
    r"; create it|compare tsigKeyName|add a solver whose selector": SAYS,
    r"install what brings it|name another Secret in spec\.tls|report it to the CA": SAYS,
    r"User intervention required|put the password there|write responder or pod|correct the options": SAYS,
    r"Event Issuer (EditUndone|NotCarriedOver|NotMirrored)": SAYS,
    r"Write a shorter renewBefore|open windows more often": SAYS,
    r"with an empty Issuer DN": "it is issued as asked for, and the warning says what will be odd",
    r"will be retried: no quota": "the words of an issuer of others, which only it can explain",
    r": not (this name|you)\b": "the words of whoever has denied it",
}
# Rows that no run need meet, and why; `tests/shim/chain` has the product make their sentences.
NO_TEST: Final = "no system test provokes it"
UNPROVOKED: Final[dict[str, str]] = {
    "policy-ignored": "a warning, which only whoever applies gets",
    "ca-bundle": "the webhook says it in its log and at /readyz",
    "unapproved": "nothing is written where nobody approves: explain says it by itself",
    "no-shim": "nothing is written where nobody works: explain says it by itself",
    "unattended": "nothing is written where nobody looks: explain says it by itself",
    "unrenewed": "it is not waited for: explain says it by itself",
    "foreign-issuer": "it fails at nothing: explain says it by itself",
    "denied": "explain says it by itself",
    "api-server": "told when the API server is back, by chance",
    "api-refusal": "told when the API server is about to change its mind, by chance",
    "preflight": "what the tests have it find has narrower rows",
    "path-type": "the words of ingress-nginx",
    **dict.fromkeys(
        (
            "tls-conflict",
            "order-creating",
            "local-address",
            "bad-gateway",
            "other-answer",
            "resolver-silent",
            "ca-working",
            "cname-unfollowed",
            "nameserver-lame",
            "not-propagated",
            "nameserver-silent",
            "cname-loop",
        ),
        NO_TEST,
    ),
}


@pytest.fixture(scope="module")
def said(cluster: Cluster, product: Product) -> list[Told]:
    """Return each failure that was told in this run, once."""
    del product  # it is installed
    return list(told(cluster.audit()).values())


@pytest.mark.usefixtures("product")
def test_explain_knows_what_to_do_about_every_failure(cluster: Cluster) -> None:
    """Or it is known that the sentence says all that there is."""
    said = told(cluster.audit(), chance=False).values()

    assert unadvised(said, NEEDLESS) == []


@pytest.mark.usefixtures("whole_run")
def test_nothing_is_known_of_that_is_not_said(cluster: Cluster, said: list[Told]) -> None:
    """Each row is met by something that was said, and each sentence that needs no row was said."""
    met = {one.row for one in (*said, *answered(cluster.audit()))}
    rows = {row.id for row in TABLE if row.pattern is not None}

    assert sorted(rows - met - UNPROVOKED.keys()) == []
    assert unmet(said, NEEDLESS) == []


def test_what_no_run_provokes_is_said_elsewhere() -> None:
    """By the product's own code, or it is others' to say."""
    said = {row for row, _ in (*decided.SAID, *heard.SAID)}

    assert sorted(UNPROVOKED.keys() - said - heard.OTHERS.keys()) == []
