"""Challenge: its spec never changes (cert-manager, `internal/apis/acme/validation/challenge.go`)."""

from __future__ import annotations

from certs.api.admission import AdmissionRequest
from certs.api.challenge import Challenge, ChallengeSpec
from certs.problems import Path
from certs.rules.durations import read_duration
from certs.rules.findings import Findings
from certs.rules.sameness import changed_fields


def judge_challenge(asked: AdmissionRequest, challenge: Challenge, old: Challenge | None) -> Findings:
    """Return that an update changed the spec, if it did."""
    findings = Findings()
    for given in (challenge, old):
        if given is not None:
            read_duration(given.spec.solver.wait_instead_of_self_check)
    if old is not None and changed_fields(asked.object, asked.old_object, ChallengeSpec):
        findings.problems.forbidden(Path("spec"), "challenge spec is immutable after creation")
    return findings
