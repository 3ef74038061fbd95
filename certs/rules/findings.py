"""What the rules of a kind have to say about one object."""

from __future__ import annotations

from dataclasses import dataclass, field

from certs.problems import Problems


class Undecodable(ValueError):
    """The object is not what its kind can hold: no verdict on its merits, the request is malformed (400)."""


@dataclass(slots=True)  # not frozen: it grows, and setting up a frozen one takes longer than judging most objects
class Findings:
    """Problems refuse the object; the rest goes with it, told as warnings.

    `warned` are findings of rules; `skipped` names rules for which facts were missing.
    """

    problems: Problems = field(default_factory=Problems)
    warned: Problems = field(default_factory=Problems)
    skipped: list[str] = field(default_factory=list)

    @property
    def rules(self) -> list[str]:
        """The ids of the rules that refused, each once, in their order."""
        return list(dict.fromkeys(problem.rule for problem in self.problems if problem.rule))
