"""Documents of requests as people read them in a terminal, whether they were made here or came over the network."""

from typing import Any

import click

ENDED_WELL = ("succeeded", "nothing_to_do")
"""Statuses of a request after which a command that waited for it exits with 0."""


def show_request(document: dict[str, Any]) -> None:
    """Print a request: where it stands, what was decided about each action, its jobs, and its message."""
    click.echo(
        f"Request {document['id']} ({document['identifier']}): {document['status']}"
        if document["id"]
        else "Nothing was asked for (dry run)."
    )
    for one in document["plan"]:
        click.echo(f"  {one['verdict']:<6} {one['action']}: {one['reason']}")
    for job in document["jobs"]:
        click.echo(f"  {job['identifier']}  {job['status']:<9} {job['action']}: {job['status_message']}")
    if document["status_message"]:
        click.echo(document["status_message"])
