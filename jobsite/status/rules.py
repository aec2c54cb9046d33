"""Who may read the numbers of the server."""

import ipaddress
from collections.abc import Sequence


def why_not_metrics(address: str, networks: Sequence[str]) -> str | None:
    """Why the metrics may not be read from this address, or None. No networks means that nobody may."""
    sentence = "The metrics are read from the networks of the setting METRICS_NETWORKS only."
    try:
        visitor = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return sentence
    visitor = getattr(visitor, "ipv4_mapped", None) or visitor
    return None if any(visitor in ipaddress.ip_network(network) for network in networks) else sentence
