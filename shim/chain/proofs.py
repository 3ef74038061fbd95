"""What can be seen at Orders and Challenges: the narrower before the wider, since the first that fits is told."""

from __future__ import annotations

from typing import Final

from certs.decide.limits import LIMIT_SENTENCE
from shim.chain.symptom import Place, Symptom, told

_URL: Final = "http://a.example/.well-known/acme-challenge/x"
_CHECK: Final = "failed to perform self check GET request"

ORDERS: Final[tuple[Symptom, ...]] = (
    told(
        "rate-limit",
        Place.ORDER,
        LIMIT_SENTENCE,
        example="the CA limits how many orders this account may begin: its turn is at 2026-07-01 12:00:00 UTC",
        cause="A limit of the CA is used up.",
        mend="Nothing is to be done but to wait: asking again sooner would only be refused. It goes on at the moment "
        "that is named.",
        see="[rate limits](rate-limits.md)",
    ),
    told(
        "ca-working",
        Place.ORDER,
        r"the CA works on the order, and says to ask again",
        example="the CA works on the order, and says to ask again at 2026-07-01 12:00:00 UTC",
        cause="All names are proven, and the CA takes its time to sign.",
        mend="Nothing is to be done but to wait, unless the CA wants somebody to approve the order there.",
    ),
    told(
        "ca-failing",
        Place.ORDER,
        r"nothing to do unless it lasts|the answer is not what RFC|the answer is longer than|nonces in a row|"
        r"a new order will be started|its certificate (cannot be used|is for another key)",
        example="cannot create an order for a.example at ca.example: serverInternal: try again later: nothing to do "
        "unless it lasts",
        cause="The CA itself does not work as it should just now.",
        mend="Nothing is to be done but to wait: it is tried again by itself. If it lasts, look at the status page of "
        "the CA, or at what is between it and the shim.",
        see="[what an ACME CA answers](acme-errors.md)",
    ),
    told(
        "caa",
        Place.ORDER,
        r"\bCAA\b",
        example="cannot create an order for a.example at ca.example: caa: CAA record for a.example prevents issuance: "
        "let the CAA records of the name allow this CA",
        cause="The CAA records of the name do not let this CA issue.",
        mend="Add the CA to the CAA records of the domain, or remove them; they are told by: dig CAA {host}",
        see="[what is seen beforehand](preflight.md)",
    ),
    told(
        "profile",
        Place.ORDER,
        r"the CA does not offer it \(",
        example='cannot order with the profile "short": the CA does not offer it (it offers classic); change the '
        "annotation acme.certshim.io/profile of the Certificate, or of the Ingress that it is made from",
        cause="The profile is none of the CA's.",
        mend="Name one that it offers, in the annotation or in the issuer: a change of either is tried at once.",
    ),
    told(
        "overrides",
        Place.ORDER,
        r"override annotations",
        example="cannot choose the route of HTTP-01 challenges: may not specify more than one of: name, class, "
        "ingressClassName override annotations, and there are acme.cert-manager.io/http01-override-ingress-name and "
        "acme.cert-manager.io/http01-override-ingress-class; remove all but one from the Certificate, or from the "
        "Ingress that it is made from",
        cause="Two annotations say where HTTP-01 challenges are routed.",
        mend="Leave one of them.",
    ),
    told(
        "rejected-identifier",
        Place.ORDER,
        r"rejectedIdentifier|unsupportedIdentifier",
        example="cannot create an order for a.internal at ca.example: rejectedIdentifier: not a public name: "
        "remove the name, or use a CA that issues for it",
        cause="This CA issues for no such name.",
        mend="Remove the name, or use an issuer whose CA issues for it.",
        see="[what an ACME CA answers](acme-errors.md)",
    ),
)
HTTP: Final[tuple[Symptom, ...]] = (
    told(
        "pod-rights",
        Place.HTTP,
        r"http01-pods\.yaml",
        example='cannot present HTTP-01 for "a.example" by a pod: cannot list pods: pods is forbidden; apply '
        "manifests/options/http01-pods.yaml",
        cause="A pod is to answer, and the shim may not see or make pods.",
        mend="Grant it: kubectl apply -f manifests/options/http01-pods.yaml",
        solver="HTTP-01",
        see="[pods](http01-pods.md)",
    ),
    told(
        "pod-refused",
        Place.HTTP,
        r"by a pod, which the API server refuses",
        example='cannot present HTTP-01 for "a.example" by a pod, which the API server refuses: violates PodSecurity '
        '"restricted"; mend podTemplate.spec.securityContext of the solver, or the level of the namespace',
        cause="Pod security, a quota or a policy of the namespace does not let the solver pod be made.",
        mend="Mend the podTemplate of the solver by what the API server says, or the policy.",
        solver="HTTP-01",
        see="[pods](http01-pods.md)",
    ),
    told(
        "pod-starting",
        Place.HTTP,
        r"Waiting for an answer to HTTP-01: solver pod",
        example="Waiting for an answer to HTTP-01: solver pod cm-acme-http-solver-x has no node: Unschedulable: 0/3 "
        "nodes are available; correct the podTemplate of the solver (nodeSelector, affinity, tolerations, resources), "
        "or make room",
        cause="A pod is to answer, and does not yet; why is its node's or the scheduler's word.",
        mend="Look at the pods of the challenge: kubectl describe pods -n {namespace} -l "
        "acme.cert-manager.io/http01-solver=true",
        solver="HTTP-01",
        see="[pods](http01-pods.md)",
    ),
    told(
        "carrier",
        Place.HTTP,
        r"does not exist in this namespace|there .* has the path ",
        example='cannot lead the challenge for "a.example" through Ingress "web": it does not exist in this namespace; '
        "create it, or correct http01.ingress.name (of an Ingress: its annotation)",
        cause="The Ingress that is to carry the challenge is not there, or has its path for something else.",
        mend="Create it or remove that path, or correct http01.ingress.name of the solver.",
        solver="HTTP-01",
        see="[in an Ingress of yours](http01.md#in-an-ingress-of-yours)",
    ),
    told(
        "gateway",
        Place.HTTP,
        r"does not serve httproutes|does not take HTTPRoute|install the Gateway API",
        example='Gateway "infra/public" does not take HTTPRoute "shop-x": NotAllowedByListeners: no listener takes it',
        cause="The Gateway API is not installed, or the Gateway refuses the route.",
        mend="Install it, or let a listener of the Gateway allow routes of namespace {namespace}.",
        solver="HTTP-01",
    ),
    told(
        "route-undone",
        Place.HTTP,
        r"somebody undoes the route",
        example="Waiting for HTTP-01 challenge propagation: somebody undoes the route again and again; find out who "
        "(kubectl get --show-managed-fields), and have it leave the path of the challenge alone",
        cause="A tool puts the Ingress back as its manifest has it.",
        mend="Pause it, or leave out http01-edit-in-place; who it is tells: kubectl get ingress {ingress} -n "
        "{namespace} -o yaml --show-managed-fields",
        solver="HTTP-01",
    ),
    told(
        "path-type",
        Place.HTTP,
        r"cannot be used with pathType",
        example='admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: ingress contains invalid '
        "paths: path /.well-known/acme-challenge/x cannot be used with pathType Exact",
        cause="The class of the solver does not look like ingress-nginx's, and is.",
        mend="Say it to the shim: --acme-http01-path-types=CLASS=ImplementationSpecific",
        solver="HTTP-01",
    ),
    told(
        "local-address",
        Place.HTTP,
        r"where no CA can reach it|where .* cannot reach it",
        example="'a.example' leads to 127.0.0.1, a loopback address, where no CA can reach it; correct its DNS",
        cause="The name resolves to an address that is local, perhaps only inside the cluster.",
        mend="Correct the A and AAAA records of {host}, or have other resolvers asked: "
        "--acme-http01-solver-nameservers",
        solver="HTTP-01",
    ),
    told(
        "responder",
        Place.HTTP,
        r"the responder at \S+ does not answer",
        example=f"the responder at 10.0.0.7:8089 does not answer: [Errno 111] Connection refused; so wrong status "
        f"code '502' for '{_URL}', expected '200'",
        cause="The shim cannot reach itself where proxies are to reach it.",
        mend="Look at --acme-http01-responder-address, at its Service, and at network policies: kubectl get services,"
        "networkpolicies -n {namespace}",
        solver="HTTP-01",
    ),
    told(
        "bad-gateway",
        Place.HTTP,
        r"wrong status code '50[234]'|Invalid response from .*: 50[234]|Non-200 status code.* returned 50[234]",
        example=f"wrong status code '502' for '{_URL}', expected '200'",
        cause="The ingress controller has the route, and cannot reach the shim.",
        mend="Look at Service certshim-acme-responder (kubectl get service,endpointslices -n {namespace}), at network "
        "policies, and at --acme-http01-responder-address; where nothing lets it through, have pods answer.",
        solver="HTTP-01",
        see="[pods](http01-pods.md)",
    ),
    told(
        "not-found",
        Place.HTTP,
        r"wrong status code '404'|Invalid response from .*: 404|Non-200 status code.* returned 404",
        example=f"wrong status code '404' for '{_URL}', expected '200'",
        cause="Whoever answers for the name does not know the path: the ingress controller does not serve the route, "
        "or the name leads to another server.",
        mend="Is the class in the solver the one that your ingress controller serves (kubectl get ingressclasses), and "
        "is the address of {host} that of the controller (kubectl get ingress -n {namespace})?",
        solver="HTTP-01",
    ),
    told(
        "other-answer",
        Place.HTTP,
        r"wrong status code|expected response|redirect|Invalid response from|Non-200 status code|"
        r"did not match this challenge",
        example=f"wrong status code '401' for '{_URL}', expected '200'",
        cause="Something answers in place of the responder (authentication, a CDN, a redirect), or the name leads to "
        "something else than the ingress controller.",
        mend="Let http://{host}/.well-known/acme-challenge/ through.",
        solver="HTTP-01",
    ),
    told(
        "port-80",
        Place.HTTP,
        rf"{_CHECK}|during connect|"
        r"(Fetching http|error getting validation data|Get .?http).*(refused|timed? ?out|unreachable)",
        example=f"{_CHECK} '{_URL}': [Errno 111] Connection refused",
        cause="Nobody answers on port 80 of the address that the name has.",
        mend="Open it for everybody (firewall, security group, load balancer), or prove the name over DNS. If it needs "
        "longer to come up: --acme-http01-self-check-grace",
        solver="HTTP-01",
    ),
)
DNS: Final[tuple[Symptom, ...]] = (
    told(
        "dns-cleanup",
        Place.DNS,
        r"stays in the DNS; remove it by hand",
        example="Error cleaning up challenge: the TXT record _acme-challenge.a.example with the value x stays in "
        "the DNS; remove it by hand. The DNS API did not answer in time",
        cause="The Challenge was deleted while the DNS could not be reached.",
        mend="Remove the TXT value that is named from the zone.",
        solver="DNS-01",
    ),
    told(
        "cname-unfollowed",
        Place.DNS,
        r"set cnameStrategy: Follow",
        example='DNS record for "b.example" not yet propagated: 192.0.2.53:53 does not have it; '
        "_acme-challenge.a.example is a CNAME of b.example, where the CA looks, and the value was not written there: "
        "set cnameStrategy: Follow in the solver, or remove the CNAME",
        cause="The name is delegated by a CNAME, which the solver was not told to follow.",
        mend="Set cnameStrategy: Follow beside its provider; the credentials must be those of the zone of the target.",
        solver="DNS-01",
        see="[delegating a name](dns01.md#delegating-a-name)",
    ),
    told(
        "not-propagated",
        Place.DNS,
        r"not yet propagated(?!: )|not yet propagated: \S+ does not have it",
        example='DNS record for "_acme-challenge.a.example" not yet propagated: 192.0.2.53:53 does not have it',
        cause="The named server does not have the value yet, or never will.",
        mend="Wait some minutes. If it stays so: is it a secondary that is not told of changes? It is asked by: "
        "dig TXT _acme-challenge.{host}",
        solver="DNS-01",
    ),
    told(
        "nameserver-lame",
        Place.DNS,
        r"is not responsible for",
        example='DNS record for "_acme-challenge.a.example" not yet propagated: 192.0.2.53:53 is not responsible for '
        "_acme-challenge.a.example",
        cause="The nameservers to which the zone is delegated do not have it (any more): a lame delegation.",
        mend="Correct the NS records of the zone, at its parent above all, or set the zone up there: "
        "dig +trace NS {host}",
        solver="DNS-01",
    ),
    told(
        "nameserver-silent",
        Place.DNS,
        r"not yet propagated: |cannot ask whether .* CNAME",
        example='DNS record for "_acme-challenge.a.example" not yet propagated: 192.0.2.53:53 does not answer: '
        "no answer in time",
        cause="The nameservers of the zone do not answer the shim.",
        mend="Let the shim reach them on port 53, over UDP and TCP, or have only resolvers asked: "
        "--dns01-recursive-nameservers-only",
        solver="DNS-01",
        see="[which servers are asked](dns01.md#which-servers-are-asked)",
    ),
    told(
        "zone-unknown",
        Place.DNS,
        r"cannot find the zone of",
        example="cannot find the zone of _acme-challenge.a.example: 192.0.2.53:53 does not answer: no answer in time",
        cause="No resolver answers, or none knows a zone above the name.",
        mend="Name resolvers that the shim reaches: --dns01-recursive-nameservers",
        solver="DNS-01",
        see="[which servers are asked](dns01.md#which-servers-are-asked)",
    ),
    told(
        "cname-loop",
        Place.DNS,
        r"CNAMEs of \S+ lead nowhere",
        example="CNAMEs of _acme-challenge.a.example lead nowhere (a loop): _acme-challenge.a.example -> b.example -> "
        "_acme-challenge.a.example; mend them",
        cause="The delegation by CNAME goes in a circle, or on without end.",
        mend="Let it end at a name in a zone that the solver may change: dig CNAME _acme-challenge.{host}",
        solver="DNS-01",
    ),
    told(
        "foreign-solver",
        Place.DNS,
        r"only the issuer says where they go",
        example='cannot use DNS credentials for "a.example": Issuer "dns" does not have the solver of this Challenge, '
        "and only the issuer says where they go",
        cause="The Challenge was not made from the issuer as it is.",
        mend="Delete it: its Order makes another. kubectl get challenges -n {namespace}",
        solver="DNS-01",
    ),
    told(
        "dns-api",
        Place.DNS,
        r"no complete answer from|cannot (change|have) .*(no answer within|refused|timed out|unreachable)",
        example="cannot change the TXT records of _acme-challenge.a.example at Cloudflare: no complete answer from "
        "api.cloudflare.com: check network policies and proxies",
        cause="The API or the server by which the zone is changed does not answer the shim.",
        mend="Let the shim reach it: network policies, firewalls, and HTTPS_PROXY of its Deployment.",
        solver="DNS-01",
    ),
    told(
        "solver-right",
        Place.DNS,
        r"allow the shim's service account to create",
        example="allow the shim's service account to create vendor-dns in acme.vendor.example",
        cause="A webhook solver is an API of its own, and the shim's role does not let it ask that.",
        mend="Give the right to it: the sentence has the resource and the group.",
        solver="DNS-01",
        see="[the two commands](dns01.md#providers)",
    ),
    told(
        "solver-missing",
        Place.DNS,
        r"install the solver, whose APIService",
        example="install the solver, whose APIService serves v1alpha1.acme.vendor.example",
        cause="Nobody serves the API of the webhook solver.",
        mend="Install it, or correct groupName and solverName of the issuer: kubectl get apiservices",
        solver="DNS-01",
    ),
    told(
        "webhook-solver",
        Place.DNS,
        r"changed by the webhook solver",
        example='cannot have _acme-challenge.a.example changed by the webhook solver "vendor-dns" of '
        "acme.vendor.example, in zone example: the signature is wrong",
        cause="The webhook solver, or the API server on the way to it, has answered so.",
        mend="Is its APIService available (kubectl get apiservices), and what does its log say? The words after the "
        "zone are its own.",
        solver="DNS-01",
    ),
)
