"""The four forms of output, from the same results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shim.check.judging import Options, check
from shim.check.output import github, plain_json, sarif, text
from shim.check.results import Finding, Place, Result, tally
from shim.check.rules import RULES, explanation

GOLDEN = Path(__file__).parent / "golden"
BROKEN = "shop/broken.yaml"


# What rules say changes more often than how it is written; so these are made up.
RULED = Result(
    Place("shop/all.yaml", 2),
    "Ingress",
    "shop",
    "all",
    errors=(Finding(9, "host-unprovable", "spec.tls[0].hosts[0]", "Invalid value", "no solver can", "add one"),),
    warnings=(Finding(7, "issuer-not-ready", "metadata.annotations[cert-manager.io/issuer]", "", "it is not", ""),),
)


def broken() -> list[Result]:
    return [*check([(BROKEN, (GOLDEN / "broken.yaml").read_bytes())], Options()), RULED]


def unpainted(words: str, _colour: str) -> str:
    return words


def written(form: str) -> str:
    results = broken()
    match form:
        case "text":
            return "\n".join([*text.lines(results, unpainted), text.summary(tally(results))])
        case "github":
            return "\n".join(github.lines(results))
        case _:
            return plain_json.document(results)


@pytest.mark.parametrize("form", ["text", "github", "json"])
def test_golden(form: str) -> None:
    """Word for word what stands in the file: the output is an interface."""
    assert written(form) == (GOLDEN / f"broken.{form}").read_text().rstrip("\n")


def test_json_has_exactly_the_members_that_are_promised() -> None:
    """Programs read them by name."""
    tree = json.loads(plain_json.document(broken()))

    assert tree.keys() == {"results"}
    for result in tree["results"]:
        assert list(result) == ["file", "line", "kind", "namespace", "name", "verdict", "errors", "warnings"]
        assert result["verdict"] == ("deny" if result["errors"] else "allow")
        for found in (*result["errors"], *result["warnings"]):
            assert list(found) == ["rule", "path", "type", "detail", "remedy"]


def log() -> Any:
    return json.loads(sarif.document(broken(), successful=True))


def test_sarif_is_a_log_of_one_run() -> None:
    """SARIF 2.1.0 §3.13, §3.14, §3.19: version, driver with a name, rules with ids."""
    made = log()

    assert made["version"] == "2.1.0"
    assert made["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = made["runs"]
    assert run["tool"]["driver"]["name"] == "certshim"
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert all(rule["shortDescription"]["text"] for rule in rules)
    assert {rule["defaultConfiguration"]["level"] for rule in rules} <= {"error", "warning", "note", "none"}


def test_sarif_results_point_to_rules_and_lines() -> None:
    """§3.27: a message, a level, the rule by id and index, and a region that counts from 1."""
    run = log()["runs"][0]
    rules = run["tool"]["driver"]["rules"]

    assert len(run["results"]) == len((GOLDEN / "broken.github").read_text().splitlines())
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning"}
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] in {BROKEN, RULED.place.file}
        assert place["region"]["startLine"] >= 1


def finding(**fields: Any) -> Finding:
    return Finding(**{"line": 3, "rule": "r", "path": "", "type": "t", "detail": "d", "remedy": "", **fields})


def test_sarif_percent_encodes_files() -> None:
    """§3.4.4: a URI, not a path."""
    result = Result(Place("a b/ü#.yaml", 1), errors=(finding(),))

    place = json.loads(sarif.document([result], successful=False))["runs"][0]["results"][0]["locations"][0]

    assert place["physicalLocation"]["artifactLocation"]["uri"] == "a%20b/%C3%BC%23.yaml"


def test_github_escapes_what_would_end_the_command() -> None:
    """Percent signs and line breaks everywhere, colons and commas in properties."""
    result = Result(Place("a,b:c.yaml", 1), errors=(finding(detail="50%\nnext: one, two"),))

    assert list(github.lines([result])) == [
        "::error file=a%2Cb%3Ac.yaml,line=3,title=certshim r::50%25%0Anext: one, two",
    ]


def test_text_keeps_a_finding_on_one_line() -> None:
    """Whatever the detail has in it."""
    result = Result(Place("a.yaml", 1), errors=(finding(detail="one\ntwo"),))

    assert list(text.lines([result], unpainted)) == ["a.yaml:3: deny r: one two"]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_explained(rule: str) -> None:
    """`--explain` says what is found, why it matters, and what to do."""
    lines = list(explanation(rule))

    assert lines[0] == rule
    assert {"Why", "Remedy", "Action"} <= {line.split(":")[0].strip() for line in lines[2:]}
