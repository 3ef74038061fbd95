"""What can be seen when something is applied, and at the processes that should follow it."""

from __future__ import annotations

from typing import Final

from shim.chain.symptom import Place, Symptom, told

APPLYING: Final[tuple[Symptom, ...]] = (
    told(
        "policy-denied",
        Place.APPLY,
        r"ValidatingAdmissionPolicy '\S+certshim\.io'",
        example="ValidatingAdmissionPolicy 'ingress.certshim.io' with binding 'ingress.certshim.io' denied request",
        cause="The API server itself has seen a mistake: it does so even when no webhook answers.",
        mend="Mend the field that the message names.",
        see="[rules](rules.md)",
    ),
    told(
        "webhook-gone",
        Place.APPLY,
        r"failed calling webhook",
        example='failed calling webhook "webhook.cert-manager.io": no endpoints available',
        cause="No webhook pod answers the API server.",
        mend="Look at the pods and their logs: kubectl get pods -n cert-manager; certshim doctor looks at each part.",
    ),
    told(
        "webhook-denied",
        Place.APPLY,
        r"admission webhook \"\S*(certshim|cert-manager)\.io\" denied",
        example='admission webhook "ingress.certshim.io" denied the request: spec.tls[0].hosts: ...',
        cause="The object has mistakes; all are told at once, each with its field and remedy.",
        mend="Mend them. Most rules can be made to warn, or switched off.",
        see="[rules](rules.md)",
    ),
    told(
        "policy-ignored",
        Place.APPLY,
        r"certshim\.io/admission of namespace \S+ ignored",
        example="certshim.io/admission of namespace shop: ignored: there is no rule x",
        cause="The annotation on the Namespace has a mistake, so none of it counts.",
        mend="Correct what the warning names: kubectl get namespace {namespace} -o yaml",
        see="[rules](rules.md)",
    ),
    told(
        "tls-conflict",
        Place.APPLY,
        r"conflict with \"certshim-ingress\"",
        example='Apply failed with 1 conflict: conflict with "certshim-ingress": .spec.tls',
        cause="No webhook was asked, so the shim has filled in spec.tls.",
        mend="Apply once with --force-conflicts: then it is yours.",
    ),
    Symptom(
        "host-unfollowed",
        Place.APPLY,
        "A host in the rules does not follow into spec.tls",
        "Only hosts that were filled in follow (annotation certshim.io/filled); edited or written ones are yours.",
        "Remove spec.tls, and it is filled in again.",
    ),
    Symptom(
        "old-annotation",
        Place.APPLY,
        "An old annotation was removed, and today's key stays",
        "It cannot be seen whether it is meant; a warning has said so.",
        "Remove today's key, too.",
    ),
    told(
        "ca-bundle",
        Place.PROCESSES,
        r"cannot write caBundle",
        example="cannot write caBundle of ValidatingWebhookConfiguration cert-manager-webhook: its annotation "
        "cert-manager.io/inject-ca-from has a CA injector write it; run: kubectl annotate "
        "validatingwebhookconfiguration cert-manager-webhook cert-manager.io/inject-ca-from-",
        cause="cert-manager's cainjector, or the shim in its place, is to write it as well.",
        mend="Remove the annotation that the sentence names, by the command in it.",
    ),
    told(
        "ca-not-injected",
        Place.PROCESSES,
        r"cannot fill in caBundle",
        example="cannot fill in caBundle as cert-manager.io/inject-ca-from-secret asks: Secret shop/ca is not there "
        "yet",
        cause="What the annotation names has no CA that may be written there, or is not there.",
        mend="Mend or create it, or correct the annotation. It goes on by itself then.",
    ),
    told(
        "bad-config",
        Place.PROCESSES,
        r"cannot ask for certificates: |Skipped a TLS block: ",
        example="cannot ask for certificates: metadata.annotations[cert-manager.io/issuer]: Forbidden: both "
        '"cert-manager.io/issuer" and "cert-manager.io/cluster-issuer" may not be set',
        cause="The annotations or spec.tls of the Ingress contradict themselves, or have a mistake.",
        mend="Mend each field that is named; what to write says: kubectl get ingress {ingress} -n {namespace} -o yaml "
        "| certshim check -",
        see="[check](check.md)",
    ),
    told(
        "no-shim",
        Place.PROCESSES,
        r"no shim is at work",
        example="no shim is at work, so nothing is done about it: the Lease of the leader ran out at 2026-07-01 "
        "09:00:00 UTC (1 hour ago)",
        cause="Whoever leads renews the Lease every few seconds, and nobody does: nothing is issued or renewed.",
        mend="See to the pods of the shim: kubectl get pods -n cert-manager, and their logs; each part of the "
        "installation is looked at by: certshim doctor. It goes on by itself then.",
    ),
    told(
        "unrenewed",
        Place.PROCESSES,
        r"not renewed by itself",
        example="its certificate has expired, and is not renewed by itself: spec.renewal.policy is Disabled",
        cause="Somebody has switched the renewal of this Certificate off.",
        mend="Have it issued once: certshim renew NAME -n {namespace}; or remove spec.renewal.policy, and it is "
        "renewed from now on.",
        see="[renewal](certificate.md)",
    ),
    told(
        "unattended",
        Place.PROCESSES,
        r"nobody has (begun|looked at it)",
        example='Issuer "letsencrypt" is not ready: nobody has looked at it yet',
        cause="The shim does so within seconds: none runs, it follows other namespaces (--namespace), or it cannot "
        "write what it finds.",
        mend="Each part of the installation is looked at by: certshim doctor",
    ),
    Symptom(
        "no-certificate",
        Place.PROCESSES,
        "No Certificate appears for an Ingress",
        "It has no annotation that asks for one; the spelling is checked only where the webhook runs. Or its "
        "event BadConfig says what is wrong.",
        "Look at it: kubectl describe ingress {ingress} -n {namespace}",
    ),
)
