"""Every provider has a module, and one whose client library is missing says what to install."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from certs.rules.solver import PROVIDER_FIELDS
from shim.solvers.dns01.registry import WEBHOOK


@pytest.mark.parametrize("field", [field for field, _ in PROVIDER_FIELDS if field != WEBHOOK])
def test_every_provider_has_a_module(field: str) -> None:
    assert callable(import_module(f"shim.solvers.dns01.{field.lower()}").build)


@pytest.mark.parametrize(
    ("field", "package", "solver"),
    [
        ("route53", "boto3", "route53=Route53()"),
        ("cloudDNS", "google", "cloud_dns=CloudDNS(project='p')"),
        ("lexicon", "lexicon", "lexicon=Lexicon(provider='powerdns')"),
    ],
)
def test_a_missing_client_library_says_what_to_install(field: str, package: str, solver: str) -> None:
    """In a process of its own, where the package cannot be found."""
    program = f"""
import sys
from importlib.machinery import PathFinder

class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Without)
from certs.api.issuer import *
from certs.outcomes import WaitingForUser
from shim.solvers.dns01 import Credentials
from shim.solvers.dns01.registry import REGISTRY
credentials = Credentials(secret=str, keys=dict, ambient=True, token=str)
try:
    REGISTRY[{field!r}](DNS01Solver({solver}), credentials)
except WaitingForUser as error:
    print(error)
"""

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603

    assert f"pip install certshim[{field.lower()}]" in said.stdout
