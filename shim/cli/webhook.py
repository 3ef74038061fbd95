"""`certshim webhook`: run the admission webhook.

The webhook is another package, which this one must not import: it is found by its entry point.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Final

import click

from shim import flags
from shim.flags import Flag

PROCESSES: Final = "certshim.processes"

FLAGS: Final = (
    flags.KUBECONFIG,
    Flag("secure-port", "6443", flags.whole_number(1, 65535), "Port of the webhook itself, over TLS"),
    Flag("healthz-port", "6080", flags.whole_number(0, 65535), "Port of plain /livez, /healthz, /readyz; 0 for none"),
    Flag("metrics-listen-address", "0.0.0.0:9402", flags.listen_address, "Where metrics are served; 0 for nowhere"),
    Flag("tls-cert-file", "", flags.text, "Serving certificate (chain, PEM); read again when it changes"),
    Flag("tls-private-key-file", "", flags.text, "Its private key"),
    Flag("dynamic-serving-ca-secret-namespace", "", flags.text, "Namespace of the Secret of the webhook's own CA"),
    Flag("dynamic-serving-ca-secret-name", "", flags.text, "Its name"),
    Flag("dynamic-serving-dns-names", "", flags.words, "Names of the serving certificate"),
    Flag("dynamic-serving-leaf-duration", "168h", flags.duration, "Lifetime of the serving certificate"),
    Flag(
        "cluster-resource-namespace",
        "",
        flags.text,
        "Where the Secrets of ClusterIssuers are; where the Secret of the webhook's own CA is when empty",
    ),
    Flag("admission-settings", "", flags.text, "YAML file that says which rules deny, warn or are off"),
    *flags.INGRESS,
    *flags.LOGGING,
)


@click.command("webhook")
@flags.options(FLAGS)
@click.option("--standalone", is_flag=True, help="Run without a cluster, with a self-made certificate.")
@click.option(
    "--bind",
    default="",
    help="Where to listen (health too), instead of --secure-port on all addresses, as host:port. [none]",
)
def command(standalone: bool, bind: str, **given: str) -> None:
    """Run the admission webhook.

    Every flag is also an environment variable: --secure-port is CERTSHIM_SECURE_PORT.
    """
    values = _read(given, bind)
    values["standalone"] = standalone
    (entry,) = entry_points(group=PROCESSES, name="webhook")
    try:
        entry.load()(values)
    except ValueError as error:
        raise flags.WrongFlags(str(error)) from error


def _read(given: dict[str, str], bind: str) -> dict[str, Any]:
    """Return plain values, since the other package does not know our types."""
    values = flags.read((*FLAGS, Flag("bind", "", _optional_address, "")), {**given, "bind": bind})
    for key in ("bind", "metrics_listen_address"):
        address = values[key]
        values[key] = (address.host, address.port) if address is not None else None
    return values


def _optional_address(value: str) -> flags.Address | None:
    return flags.address(value) if value else None
