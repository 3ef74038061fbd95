"""What a CertificateRequest's CSR holds, against what the request itself says.

The order of the checks, what is compared and the sentences are cert-manager's (`pkg/util/pki/certificatetemplate.go`):
the first PEM block counts whatever its label, the signature must be by the CSR's own key, basic constraints must agree
with `isCA`, and once the CSR names any usage, both kinds of usages must be the expected ones (purposes in the same
order).  What Go can read, and in what order, is `certs.pki`'s: `pkcs10`, `possession`, `asked`.

The sentence of a CSR that does not decode is ours where Go's tells of its own insides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from certs.api.certificate import DEFAULT_USAGES, KeyUsage
from certs.pki import asked, pem
from certs.pki.der import Malformed
from certs.pki.gopem import go_blocks
from certs.pki.pkcs10 import SigningRequest, read_request
from certs.pki.possession import Unproven, read_key, require_possession
from certs.pki.usages import BITS, PURPOSES, SYNONYMS

# Go knows these two Microsoft purposes, and the API has no word for them: so they are never what is expected.
_WORDLESS: Final = ("1.3.6.1.4.1.311.2.1.22", "1.3.6.1.4.1.311.61.1.1")
_UNKNOWN: Final = "unknown"
_PURPOSE_OF: Final = {oid.dotted_string: usage for usage, oid in PURPOSES.items()} | dict.fromkeys(_WORDLESS, _UNKNOWN)


class _Refused(ValueError):
    """Why the CSR cannot be taken; `str()` is the detail of the problem."""


def csr_problem(request: bytes, usages: Sequence[str], *, is_ca: bool) -> str:
    """Return why the CSR in PEM does not go with usages (known ones) and `isCA`, or nothing."""
    try:
        csr = _proven(request)
        _check_extensions(csr.extensions, _expected(usages, is_ca=is_ca), is_ca=is_ca)
    except Malformed as error:
        return f"x509: {error}"
    except (_Refused, Unproven) as error:
        return str(error)
    return ""


def _proven(request: bytes) -> SigningRequest:
    """Return the CSR, signed by its own key."""
    attempt = "error decoding certificate request PEM block"
    if len(request) > pem.MAX_CERTIFICATE:
        raise _Refused(f"{attempt}: provided PEM data was larger than the maximum {pem.MAX_CERTIFICATE}B")
    block = next(go_blocks(request), None)
    if block is None:
        raise _Refused(f"{attempt}: no PEM data was found in given input")
    csr = read_request(block.der)
    key = read_key(csr.key)
    if asked.ALTERNATIVE_NAMES in csr.extensions:
        asked.check_alternative_names(csr.extensions[asked.ALTERNATIVE_NAMES])
    require_possession(csr, key)
    return csr


def _check_extensions(extensions: Mapping[str, bytes], expected: Sequence[str], *, is_ca: bool) -> None:
    says_ca: bool | None = None
    bits: list[str] = []
    purposes: list[str] = []
    for oid, value in extensions.items():
        match oid:
            case asked.BASIC_CONSTRAINTS:
                says_ca = asked.read_basic_constraints(value)
            case asked.NAME_CONSTRAINTS:
                asked.check_name_constraints(value)
            case asked.KEY_USAGE:
                given = asked.read_key_usage(value)
                bits = [usage for place, usage in enumerate(BITS) if place in given]
            case asked.EXTENDED_KEY_USAGE:
                purposes = [_PURPOSE_OF[oid] for oid in asked.read_extended_key_usage(value) if oid in _PURPOSE_OF]
    if says_ca is not None and says_ca != is_ca:
        raise _Refused(f"encoded CSR error: IsCA {_go(says_ca)} does not match expected value {_go(is_ca)}")
    if asked.KEY_USAGE in extensions or asked.EXTENDED_KEY_USAGE in extensions:
        _require_same("KeyUsages", bits, [usage for usage in BITS if usage in expected])
        _require_same("ExtKeyUsages", purposes, [usage for usage in expected if usage in PURPOSES])


def _expected(usages: Sequence[str], *, is_ca: bool) -> list[KeyUsage]:
    """Return the usages that the request stands for, as often as it names them; a CA also signs certificates."""
    named = [SYNONYMS.get(usage, usage) for usage in map(KeyUsage, usages or DEFAULT_USAGES)]
    return [*named, KeyUsage.CERT_SIGN] if is_ca else named


def _require_same(name: str, found: Sequence[str], wanted: Sequence[str]) -> None:
    if found != wanted:
        detail = f"the {name} {_listed(found)} do not match the expected {name} {_listed(wanted)}"
        raise _Refused(f"encoded CSR error: {detail}")


def _listed(usages: Sequence[str]) -> str:
    quoted = ", ".join(f"'{usage}'" for usage in usages)
    return f"[ {quoted} ]" if usages else "[]"


def _go(value: bool) -> str:  # noqa: FBT001 - the value itself
    return "true" if value else "false"
