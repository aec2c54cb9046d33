"""Begins the supervisor of an attempt on a node of the cluster, as the first process of its job there."""

import sys

from jobsite.jobs.executors import records
from jobsite.jobs.supervisor import carry

SUPERSEDED = 3


def main(attempt_dir: str, ticket: str) -> None:
    """Runs the attempt to its end, if the order of this ticket is still the one that counts: an order that was thought
    lost, and given again, may come all the same. Exits with status 3 else."""
    order = records.read(attempt_dir, records.CLUSTER)
    if order is None or order.get("ticket") != ticket:
        print("another order has taken the place of this one")
        sys.exit(SUPERSEDED)
    carry(attempt_dir, lambda: None)
