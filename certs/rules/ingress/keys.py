"""Annotations: keys that nobody reads, values that cannot become part of a Certificate, switches in no position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from certs.annotations import EDIT_IN_PLACE, HTTP01_CLASS, HTTP01_CLASS_NAME, LEGACY, LEGACY_TRIGGERS, is_true
from certs.api.certificate import KeyAlgorithm, KeyEncoding, RotationPolicy
from certs.problems import Problem, Problems, ProblemType
from certs.rules.ingress.subject import IngressRule, Subject
from certs.rules.nearest import nearest
from certs.rules.rule import Action, Rule
from certs.rules.spelling import misspelled
from certs.wanted import ANNOTATIONS, translate

# What is written of an annotation whose value is one of a few words, or in a form of its own.
WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "cert-manager.io/private-key-algorithm": tuple(KeyAlgorithm),
    "cert-manager.io/private-key-encoding": tuple(KeyEncoding),
    "cert-manager.io/private-key-rotation-policy": tuple(RotationPolicy),
}
INSTEAD: Final[Mapping[str, str]] = {
    "cert-manager.io/duration": "write it in h, m and s, for example 2160h",
    "cert-manager.io/renew-before": "write it in h, m and s, for example 360h",
}
INSTEAD_OF_OLD: Final[Mapping[str, str]] = {
    **{old: f"write {new} instead" for old, new in LEGACY.items()},
    **dict.fromkeys(LEGACY_TRIGGERS, "write solvers into the issuer, with selectors, and the issuer's annotation here"),
}
FALSE: Final = frozenset(("0", "f", "F", "false", "FALSE", "False"))  # Go's words for it (`strconv.ParseBool`)


def check_spelling(subject: Subject) -> Iterable[Problem]:
    """Return keys that nobody reads, with the known key that was probably meant."""
    return [
        Problem(ANNOTATIONS @ key, ProblemType.INVALID, mistake.detail, key, mistake.remedy)
        for key in subject.raw.metadata.annotations
        if (mistake := misspelled(key)) is not None
    ]


def check_legacy(subject: Subject) -> Iterable[Problem]:
    """Return the keys of before v0.11 that are still understood."""
    annotations = subject.raw.metadata.annotations
    if annotations.keys().isdisjoint(INSTEAD_OF_OLD):
        return ()
    return [
        Problem(ANNOTATIONS @ key, ProblemType.INVALID, "an old key", key, remedy)
        for key, remedy in INSTEAD_OF_OLD.items()
        if key in annotations
    ]


def check_values(subject: Subject) -> Iterable[Problem]:
    """Return the annotations whose values cannot become a Certificate."""
    problems = Problems()
    translate(subject.ingress.metadata.annotations, problems)
    issuer = subject.named_issuer
    if isinstance(issuer, Problems):
        problems.extend(problem for problem in issuer if problem.type is ProblemType.INVALID)
    return map(_with_remedy, problems) if problems else ()


def _with_remedy(problem: Problem) -> Problem:
    """Return the problem with what to write instead, where the parser's own words do not say it."""
    if problem.remedy:
        return problem
    key = str(problem.path).removeprefix(f"{ANNOTATIONS}[").removesuffix("]")
    word = nearest(str(problem.value), WORDS.get(key, ()))
    remedy = f"did you mean {word}?" if word is not None else INSTEAD.get(key, "")
    return replace(problem, remedy=remedy)


def check_switches(subject: Subject) -> Iterator[Problem]:
    """Yield switches whose value is neither on nor off, which counts as off."""
    annotations = subject.raw.metadata.annotations
    for key in subject.settings.auto_certificate_annotations:
        text = annotations.get(key)
        if text is not None and not is_true(text) and text not in FALSE:
            yield _undecided(key, text)
    text = annotations.get(EDIT_IN_PLACE)
    if text is not None and text != "true" and text not in FALSE:  # the API takes this very word, and no other
        yield _undecided(EDIT_IN_PLACE, text)


def _undecided(key: str, text: str) -> Problem:
    detail = "is neither true nor false, and counts as false"
    return Problem(ANNOTATIONS @ key, ProblemType.INVALID, detail, text, 'write "true", or remove it')


def check_overrides(subject: Subject) -> Iterable[Problem]:
    """Return that more than one annotation bends the solver, which a Challenge does not take."""
    annotations = subject.ingress.metadata.annotations
    given = [key for key in (HTTP01_CLASS, HTTP01_CLASS_NAME) if annotations.get(key)]
    if annotations.get(EDIT_IN_PLACE) == "true":
        given.insert(0, EDIT_IN_PLACE)
    if len(given) < 2:
        return ()
    first, second = given[:2]
    return (Problem(ANNOTATIONS @ second, ProblemType.FORBIDDEN, f"excludes {first}", remedy="remove one of the two"),)


RULES: Final[tuple[IngressRule, ...]] = (
    Rule(
        "unknown-annotation",
        "A key that nobody reads, under one of our prefixes or near a known key.",
        check_spelling,
        remedy="Write the key that is suggested, or remove the annotation.",
        why="A key that nobody reads is silence: no certificate is made, or not the one that was meant, and nothing"
        " says so.",
        always=True,
    ),
    Rule(
        "legacy-annotation",
        "A key of before cert-manager v0.11.",
        check_legacy,
        action=Action.WARN,
        remedy="Write today's key.",
        why="It is translated here, but cert-manager has not read it since v0.11, so the manifest works nowhere else.",
        always=True,
    ),
    Rule(
        "annotation-value",
        "A value that cannot become part of a valid Certificate.",
        check_values,
        remedy="Write a value as the problem describes it.",
        why="The controller could not make a Certificate of it: all entries of the Ingress would go without.",
    ),
    Rule(
        "annotation-undecided",
        "A switch that is neither on nor off.",
        check_switches,
        action=Action.WARN,
        remedy='Write "true", or remove the annotation.',
        why="Anything but a word for true counts as false, so the annotation has no effect.",
        always=True,
    ),
    Rule(
        "solver-override-twice",
        "More than one annotation that changes how the challenge is routed.",
        check_overrides,
        action=Action.WARN,
        remedy="Keep one of http01-edit-in-place, http01-ingress-class and http01-ingress-ingressclassname.",
        why="cert-manager refuses to solve a challenge of such a Certificate.",
    ),
)
