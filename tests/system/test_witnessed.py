"""The look for secrets in logs finds them, and takes nothing else for one; it needs no cluster itself."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.system.witnessed import documents, leaks, secrets_of

HEAD = "-----BEGIN PRIVATE KEY-----\n"


def secret(**data: str) -> dict[str, Any]:
    encoded = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"namespace": "shop", "name": "web"}, "data": encoded}


def new_key() -> str:
    return (
        rsa.generate_private_key(65537, 2048)
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def test_keys_are_seen_in_every_form(tmp_path: Path) -> None:
    """In PEM, in one line, and as the API has it; the certificate beside it may be seen."""
    private_key = new_key()
    made = secret(tls_key=private_key, tls_crt="-----BEGIN CERTIFICATE-----\n" + "A" * 64)
    values = dict.fromkeys(secrets_of(made), "Secret shop/web")
    log = tmp_path / "shim.log"

    for shown in (private_key, private_key.replace("\n", "\\n"), json.dumps(made)):
        log.write_text(f"fine\n{shown.removeprefix(HEAD)}\n")
        assert "shim.log:2 shows Secret shop/web" in leaks(values, [log])
    log.write_text("A" * 64 + "\n" + made["data"]["tls.crt"])
    assert leaks(values, [log]) == []


def test_passwords_and_key_authorizations_are_secrets() -> None:
    """Addresses and names in Secrets are not, nor is what is asked of DNS."""
    challenge = {"kind": "Challenge", "spec": {"type": "HTTP-01", "token": "t" * 43, "key": "t" * 43 + "." + "p" * 43}}

    assert "correct-horse-battery" in set(secrets_of(secret(password="correct-horse-battery")))
    assert set(secrets_of(secret(server="https://dns.example.test", user_name="administrator-of-dns"))) == set()
    assert list(secrets_of(challenge)) == ["t" * 43 + "." + "p" * 43]
    assert list(secrets_of({"kind": "Challenge", "spec": {"type": "DNS-01", "key": "d" * 43}})) == []


def test_what_kubectl_prints_is_taken_apart() -> None:
    """A list first, then one object after the other."""
    text = json.dumps({"kind": "List", "items": [secret(), secret()]}, indent=4) + "\n" + json.dumps(secret(), indent=4)

    assert list(documents(text.splitlines(keepends=True))) == [secret()] * 3
