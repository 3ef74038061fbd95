"""All that can be seen when something is wrong: what `explain` advises, and docs/troubleshooting.md is made of."""

from __future__ import annotations

from typing import Final

from shim.chain.applying import APPLYING
from shim.chain.proofs import DNS, HTTP, ORDERS
from shim.chain.symptom import Place, Symptom, told

# How a sentence about the API server begins: what was tried on which object.
_ATTEMPT: Final = r"(?-i:cannot (?:\w+|update the status of) [A-Z][a-z]\w+(?: [a-z0-9./-]+)?: )"
_ISSUERS: Final[tuple[Symptom, ...]] = (
    told(
        "account-deactivated",
        Place.ISSUER,
        r"was deactivated; delete Secret",
        example='the ACME account https://ca.example/acct/1 was deactivated; delete Secret "account" in namespace '
        '"shop" to have a new key and account made',
        cause="Somebody has given the account up.",
        mend="Delete the Secret of the account key to have a new account made.",
        see="[accounts](accounts.md)",
    ),
    told(
        "external-account",
        Place.ISSUER,
        r"externalAccount|external account",
        example="cannot register an ACME account at ca.example: externalAccountRequired: no account is bound: set "
        "spec.acme.externalAccountBinding with values of the CA",
        cause="The CA registers accounts only with an external account, or that one does not fit.",
        mend="Set spec.acme.externalAccountBinding of the issuer to what the CA gave.",
        see="[accounts](accounts.md)",
    ),
    told(
        "key-change",
        Place.ISSUER,
        r"cannot change the (account key|key of the ACME account)",
        example='cannot change the account key of Issuer "letsencrypt": tls.key.next in Secret "account" has the '
        "account https://ca.example/acct/1 already; put a new key there, or remove it",
        cause="The key of the account could not be changed, and the old one is used on.",
        mend="Do with the next key, in the Secret of the account key, what the event says.",
        see="[accounts](accounts.md)",
    ),
    told(
        "account-key",
        Place.ISSUER,
        r"Account private key is invalid",
        example="Account private key is invalid: cannot read private key: neither PKCS#1, SEC 1 nor PKCS#8 in PEM",
        cause="A key of the ACME account, the present one or the next, is none that can be used.",
        mend="Put a private key in PEM in its place, RSA of 2048 bits or more, or ECDSA. A next key can be removed: "
        "the present one is used on.",
        see="[accounts](accounts.md)",
    ),
    told(
        "acme-unreachable",
        Place.ISSUER,
        r"cannot [^:]*(ACME|the order|an order|authorization|the challenge |a challenge of|the certificate )[^\n]*"
        r"(check its address|private CA)",
        example="cannot read the ACME directory https://ca.example/dir: Failed to establish a new connection: [Errno "
        "111] Connection refused: check its address, network policies and proxies",
        cause="The shim cannot reach the CA.",
        mend="Check spec.acme.server of the issuer, network policies, HTTPS_PROXY of the shim, and for a CA of your "
        "own spec.acme.caBundle.",
    ),
    told(
        "ca-secret",
        Place.ISSUER,
        r"signing CA keypair|Error getting keypair for CA issuer|Referenced secret \S+ not found: create it",
        example='Error getting keypair for CA issuer: Secret "ca" not found in namespace "shop"; create it with '
        "tls.crt and tls.key of the CA",
        cause="The Secret of the CA is missing or must not sign.",
        mend="Mend or create the Secret that spec.ca.secretName names; it goes on at that moment.",
    ),
    told(
        "self-signed-key",
        Place.ISSUER,
        r"private-key-secret-name|Referenced secret \S+ not found|the key in the referenced secret is not that",
        example='Annotation "cert-manager.io/private-key-secret-name" missing or reference empty: secret name missing',
        cause="A self-signed issuer signs with the key of the request itself, and that key is not found, or another.",
        mend="Name the Secret with its key in the annotation cert-manager.io/private-key-secret-name of the request, "
        "before it is approved. Certificates do so by themselves.",
    ),
    told(
        "issuer-type",
        Place.ISSUER,
        r"which this release cannot sign with",
        example='Issuer "corporate" is of type vault, which this release cannot sign with; use acme, ca or selfSigned',
        cause="This release signs with ACME, a CA, or self-signed.",
        mend="Use an issuer of one of these.",
    ),
    told(
        "issuer-missing",
        Place.ISSUER,
        r"Issuer\"?( not found: )?\"?\s?\"[^\"]+\" does not exist",
        example='Issuer "letsencrypt" does not exist; create it',
        cause="The Certificate names an issuer that is not there.",
        mend="Create it, or correct the name or the kind: kubectl get issuers,clusterissuers -n {namespace}. It goes "
        "on by itself then.",
    ),
)
_REQUESTS: Final[tuple[Symptom, ...]] = (
    told(
        "approval-refused",
        Place.REQUEST,
        r"cannot approve: the service account of the shim has no permission",
        example='cannot approve: the service account of the shim has no permission for AWSPCAIssuer "a" of '
        "awspca.example.com; grant it the verb approve on signers of group cert-manager.io, resourceName "
        '"awspcaissuers.awspca.example.com/*", or have another approver approve',
        cause="The shim has no right to approve requests for that issuer.",
        mend="Grant what the event names, or approve by hand: certshim approve {request} -n {namespace}",
        see="[issuers of others](install.md#issuers-of-others)",
    ),
    told(
        "unapproved",
        Place.REQUEST,
        r"wait(s|ing) for an approver|until it is Approved",
        example="CertificateRequest shop-1: waits for an approver to approve or deny it",
        cause="The shim runs without its approver, and nobody else has approved yet.",
        mend="Look at what it asks for, then: certshim approve {request} -n {namespace}",
    ),
    told(
        "foreign-certificate",
        Place.REQUEST,
        r"Issuer returned an invalid certificate",
        example="Issuer returned an invalid certificate: failed to decode: cannot read certificate chain: no PEM block "
        "in its 6 bytes",
        cause="What the issuer has written into the request is no certificate for its key.",
        mend="Look at the log of the controller of that issuer: kubectl get certificaterequest {request} -n "
        "{namespace} -o yaml shows what it has written.",
    ),
    told(
        "denied",
        Place.REQUEST,
        r"CertificateRequest \S+ was denied",
        example="CertificateRequest shop-1 was denied: not this name",
        cause="Whoever approves requests has denied this one, for good; the reason behind it is theirs.",
        mend="Ask them, or change the Certificate so that it may be approved: a change is asked for anew at once.",
    ),
    told(
        "foreign-issuer",
        Place.REQUEST,
        r"waits for the controller of",
        example='CertificateRequest shop-1 is approved, and waits for the controller of AWSPCAIssuer "a" '
        "(awspca.example.com)",
        cause="The issuer is of another group, and what signs for it is no part of certshim.",
        mend="Is that controller installed, and is the issuer ready? Look at its log, and at what it has written: "
        "kubectl get certificaterequest {request} -n {namespace} -o yaml",
        see="[issuers of others](install.md#issuers-of-others)",
    ),
    told(
        "order-creating",
        Place.REQUEST,
        r"Failed to create new order resource",
        example="Failed to create new order resource shop/web-1: cannot create Order shop/web-1: exceeded quota",
        cause="The API server does not take the Order: a quota, a policy or a role, in its own words.",
        mend="Raise the quota, or mend the policy, of namespace {namespace}; a missing role is named by: certshim "
        "doctor. It is tried again by itself.",
    ),
    told(
        "duplicate-secret",
        Place.REQUEST,
        r"belongs to Certificate .*, which asks for it, too",
        example='Secret "web-tls" belongs to Certificate "web", which asks for it, too; set another secretName',
        cause="Another Certificate has the same secretName; the message names it.",
        mend="Give each its own Secret.",
    ),
    told(
        "secret-contested",
        Place.REQUEST,
        r"let only one of the two write this",
        example='Secret "web-tls" is changed again and again by field manager "argocd", and repaired each time, now '
        "ever more rarely (Certificate Secret template labels differ); let only one of the two write this",
        cause="Two programs write the same label, annotation or key of a Secret; the event names the other.",
        mend="Let one of them leave it out.",
    ),
    told(
        "immutable-secret",
        Place.REQUEST,
        r"cannot write Secret .* marked immutable",
        example='cannot write Secret "web-tls": it is marked immutable, and nobody can take that back; delete it, '
        "and it is made anew at once",
        cause="Somebody has set immutable: true.",
        mend="Delete the Secret, and it is issued anew.",
    ),
)
_ANY: Final[tuple[Symptom, ...]] = (
    told(
        "servfail",
        Place.ANY,
        r"SERVFAIL",
        example="cannot resolve a.example: its nameservers answer SERVFAIL",
        cause="The nameservers of its zone fail.",
        mend="Mend the zone, its delegation or its DNSSEC, looked at with: dig {host}. It goes on by itself then.",
    ),
    told(
        "resolver-silent",
        Place.ANY,
        r"cannot resolve .*(no nameserver|nameservers answer|timed out|temporary failure)",
        example="cannot resolve a.example: no nameserver has answered in time",
        cause="The resolvers that the shim asks do not answer, so of the name nothing is known.",
        mend="See to the DNS of the cluster and to network policies (port 53), or name other resolvers: "
        "--acme-http01-solver-nameservers",
    ),
    told(
        "no-address",
        Place.ANY,
        r"cannot resolve|could not resolve|NXDOMAIN|no valid A|neither an A nor|does not exist in the DNS",
        example="cannot resolve a.example: the name does not exist",
        cause="The DNS has no address for the name, seen from the shim.",
        mend="Give the name an A or AAAA record with the address of the ingress controller, which is told by: kubectl "
        "get ingress {ingress} -n {namespace}. It goes on by itself then.",
    ),
    told(
        "preflight",
        Place.ORDER,
        r"Nothing is ordered yet, since the CA would refuse it",
        example='Nothing is ordered yet, since the CA would refuse it: "a.example" leads to 10.0.0.7, no public '
        "address, where Let's Encrypt cannot reach it; have an A or AAAA record of it lead to the proxy of this "
        "cluster, or use a dns01 solver",
        cause="What it says of the name is sure (the event Preflight is the same as a warning).",
        mend="Mend that: it is looked at every 30 seconds at most, and goes on by itself.",
        see="[what is seen beforehand](preflight.md)",
    ),
    told(
        "api-server",
        Place.ANY,
        rf"{_ATTEMPT}(no answer within|.*(refused|timed out|aborted|etcdserver|just started)|answered 5\d\d )",
        example="cannot read Secret shop/web-tls: no answer within 10 s",
        cause="The API server does not answer the shim in time.",
        mend="It is tried again by itself. If it lasts: kubectl get --raw=/readyz?verbose",
    ),
)
# Behind all rows of a part that says more of what the API server refuses.
_REFUSALS: Final[tuple[Symptom, ...]] = (
    told(
        "no-right",
        Place.ANY,
        rf"{_ATTEMPT}[^\n]*forbidden: User \"[^\"]+\" cannot ",
        example="cannot create Order shop/web-1: orders.acme.cert-manager.io is forbidden: User "
        '"system:serviceaccount:cert-manager:certshim-shim" cannot create resource "orders"',
        cause="No role gives this user that right: one was taken away, or the manifest is of another version.",
        mend="Apply the manifest or chart of this version; each right that is missing is told by: certshim doctor. It "
        "goes on by itself then.",
        see="[install](install.md)",
    ),
    told(
        "api-refusal",
        Place.ANY,
        rf"{_ATTEMPT}(?!.*because it is being terminated)",
        example='cannot create Order shop/web-1: admission webhook "policy.example.com" denied the '
        "request: not on a Friday",
        cause="The API server does not do what it is asked; why stands behind it in its own words.",
        mend="It is tried again by itself; if it lasts, mend what the words name: a quota, a policy, another webhook.",
    ),
)
_RESULT: Final[tuple[Symptom, ...]] = (
    told(
        "issuer-not-ready",
        Place.REQUEST,
        r"Issuer \"[^\"]+\" is not ready|issuer does not have a Ready status",
        example='Issuer "letsencrypt" is not ready: the account is not registered',
        cause="The issuer cannot be used; why stands behind it.",
        mend="Mend that, in the issuer or its Secret: kubectl describe issuers,clusterissuers -n {namespace}. It goes "
        "on by itself then.",
    ),
    Symptom(
        "order-invalid",
        Place.RESULT,
        "Order invalid",
        "The CA looked and did not find the token; its reason is in the Challenge and the Order.",
        "The next attempts are after 1, 10 and 100 minutes, then daily; at once when what was wrong is seen to be "
        "mended, or the Certificate changes.",
        see="[after a failed proof](preflight.md#after-a-failed-proof)",
    ),
    Symptom(
        "order-errored",
        Place.RESULT,
        "Order errored",
        "The CA refuses; its reason is in the Order.",
        "Change the Certificate, or mend what the reason names; it is tried again once a day.",
        see="[what an ACME CA answers](acme-errors.md)",
    ),
    Symptom(
        "other-served",
        Place.RESULT,
        "The browser shows another certificate",
        "The ingress controller does not use the Secret that spec.tls names, or has not read it yet.",
        "Compare what is served with what is stored: certshim probe {host}; certshim inspect secret NAME -n "
        "{namespace}",
    ),
)
# The first that fits: approvals, the CA and the API server before what names a host, and what only repeats last.
TABLE: Final[tuple[Symptom, ...]] = (
    *APPLYING,
    *_ISSUERS,
    *_REQUESTS,
    *ORDERS,
    *DNS,
    *_ANY,
    *HTTP,
    *_REFUSALS,
    *_RESULT,
)
