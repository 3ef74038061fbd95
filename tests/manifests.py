"""The manifests for `kubectl apply`, rendered from the Helm chart: `python -m tests.manifests [--check]`.

The chart is the one source.  What is rendered is kept in the repository, so that nobody needs Helm to install.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cluster.programs import ensure_built

MANIFESTS: Final = Path(__file__).parents[1] / "manifests"
CHART: Final = MANIFESTS / "chart"
CRDS: Final = CHART / "files" / "crds"
POLICIES: Final = CHART / "files" / "policies"
INSTALLED: Final = MANIFESTS / "install" / "certshim.yaml"
LEGACY: Final = MANIFESTS / "install" / "legacy.yaml"
SOLVER_PODS: Final = MANIFESTS / "options" / "http01-pods.yaml"
UI: Final = MANIFESTS / "options" / "ui.yaml"
# Helm asks no cluster when it only renders; this is the oldest that the chart takes.
KUBERNETES: Final = "1.32.0"
# The same in C where it was built with it: half a megabyte of CRDs takes the other seconds.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
HEADER: Final = "# Made from manifests/chart by `make manifests`; change that.\n"

# Each file, and what Helm is told for it.
FILES: Final[dict[Path, tuple[str, ...]]] = {
    INSTALLED: (),
    LEGACY: ("--set=legacy.enabled=true", "--show-only=templates/legacy.yaml"),
    SOLVER_PODS: ("--set=http01.allowPods=true", "--show-only=templates/rbac-http01-pods.yaml"),
    UI: ("--set=ui.enabled=true", "--show-only=templates/ui.yaml"),
}


class NotRendered(Exception):
    """Helm refused; the message is its own."""


def helm(*arguments: str | Path, stdin: str | None = None, env: dict[str, str] | None = None) -> str:
    """Run Helm; NotRendered with what it says when it fails."""
    command = [ensure_built().helm / "helm", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120, env=env)
    if done.returncode != 0:
        raise NotRendered(done.stderr.strip())
    return done.stdout


def template(*arguments: str, values: dict[str, Any] | None = None) -> str:
    """Return what the chart makes of some values, as release `certshim` in namespace `cert-manager`."""
    place = ("certshim", CHART, "--namespace=cert-manager", f"--kube-version={KUBERNETES}")
    return helm("template", *place, "--values=-", *arguments, stdin=yaml.safe_dump(values or {}))


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects of a manifest."""
    return [one for one in yaml.load_all(text, Loader=_LOADER) if one]


def installed() -> list[dict[str, Any]]:
    """Return the objects of the installation, a copy for each caller."""
    return objects(INSTALLED.read_text())


def policies() -> list[dict[str, Any]]:
    """Return what the API server judges by itself: a policy and its binding."""
    return [one for one in installed() if one["kind"].startswith("ValidatingAdmissionPolicy")]


def webhook_configurations() -> list[dict[str, Any]]:
    """Return what the API server asks the webhook: objects of both kinds."""
    return [one for one in installed() if one["kind"].endswith("WebhookConfiguration")]


def rendered() -> dict[Path, str]:
    """Return what the files should hold."""
    return {path: HEADER + template("--set=creator=static", *arguments) for path, arguments in FILES.items()}


def stale() -> dict[Path, str]:
    """Return the files that are not what the chart makes, and what it makes."""
    return {path: text for path, text in rendered().items() if not path.exists() or path.read_text() != text}


def main(arguments: Iterable[str] | None = None) -> int:
    """Write the files, or say which are not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is not current")
    check = parser.parse_args(None if arguments is None else list(arguments)).check
    behind = stale()
    for path, text in behind.items():
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        print(f"{path.relative_to(MANIFESTS.parent)}: {'not current; run `make manifests`' if check else 'written'}")
    return 1 if check and behind else 0


if __name__ == "__main__":
    sys.exit(main())
