"""What a person can do about a failure, by what stands in its sentence.

Sentences of our own name their remedy where there is just one.  These are for what the CA, the DNS or a proxy say.
"""

from __future__ import annotations

from shim.chain.symptom import Symptom
from shim.chain.symptoms import TABLE


def symptom_of(sentence: str, solver: str = "") -> Symptom | None:
    """Return the first row that fits, or None.

    `solver` is the type of the Challenge that says it; without one a row of a type fits, too.
    """
    for one in TABLE:
        if one.solver and solver and one.solver != solver:
            continue
        if one.pattern is not None and one.pattern.search(sentence):
            return one
    return None


def advice_on(sentence: str, *, host: str, namespace: str, ingress: str, request: str, solver: str = "") -> str:
    """Return the cause and what to do about a failure, or an empty string when nothing is known of the sentence."""
    found = symptom_of(sentence, solver)
    if found is None:
        return ""
    mend = found.mend.format(host=host, namespace=namespace, ingress=ingress, request=request)
    return f"{found.cause} {mend}"
