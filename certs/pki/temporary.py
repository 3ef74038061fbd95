"""A certificate that nobody trusts, so that whoever serves a Secret can start before the real one is there.

It is what the issuer is asked for, signed by a CA that is made for it and forgotten, named `cert-manager.local`.
By that name it is recognised: it must never be taken for the real one.
"""

from __future__ import annotations

from typing import Final

from certs.api.certificate import CertificateSpec
from certs.api.meta import IssuerReference
from certs.pki.authority import Authority, chain_pem
from certs.pki.csr import build_csr
from certs.pki.keys import Key
from certs.pki.signing import Wanted, sign_by, sign_by_itself
from certs.pki.x509 import Leaf, read_chain

CA_NAME: Final = "cert-manager.local"


def temporary_certificate(wanted: Wanted, ca_key: Key, ca_serial: int) -> bytes:
    """Return the certificate in PEM, alone: a root that is gone helps nobody.

    `ca_key` must be used for nothing else.  Raises `Unsignable` for what an issuer could not sign either.
    """
    spec = CertificateSpec(secret_name="", issuer_ref=IssuerReference(""), common_name=CA_NAME, is_ca=True)
    root = sign_by_itself(ca_key, Wanted(build_csr(spec, ca_key), ca_serial, wanted.not_before, is_ca=True)).chain
    return chain_pem(read_chain(sign_by(Authority(ca_key, read_chain(root)), wanted).chain)[:1])


def is_temporary(leaf: Leaf) -> bool:
    """Is it one, of ours or of cert-manager's?"""
    return leaf.issuer_common_name == CA_NAME
