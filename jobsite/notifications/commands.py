"""`jobsite mail …`: whether mails arrive, and what could not be delivered."""

import secrets

import click

from jobsite.accounts.rules import SYSTEM, why_not_email
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.errors import Refused, refuse
from jobsite.notifications import actions, queries
from jobsite.notifications.deadlines import Undelivered
from jobsite.notifications.mailing import send_test, sender_address
from jobsite.notifications.models import Delivery
from jobsite.notifications.smtp import server_of
from jobsite.settings import Settings


@click.group()
def mail() -> None:
    """Mails: test the mail server, see and retry what could not be delivered."""


@instance_command(click.argument("address"), name="test", side="public")
def test_mail(settings: Settings, address: str) -> None:
    """Send a test mail and say what happened."""
    refuse(address=why_not_email(address))
    if not settings.smtp_url:
        raise Refused("No mail is sent: the setting SMTP_URL is empty.")
    try:
        server = server_of(settings.smtp_url)
        how = send_test(address, secrets.token_hex(16))
    except Undelivered as failure:
        raise Refused(str(failure)) from None
    click.echo(f"{server.name}, port {server.port}, took the mail from {sender_address()} over {how}.")
    if not settings.base_url:
        click.echo("BASE_URL is not set, so links in mails lead nowhere.")


@instance_command(as_json, name="failed", side="public")
def failed(settings: Settings, json_wanted: bool) -> None:
    """List the deliveries that were given up, newest first."""
    found, total = queries.failed_deliveries(size=1000)
    if json_wanted:
        return print_json([_as_json(delivery) for delivery in found])
    for delivery in found:
        whose = delivery.user.username if delivery.user else "-"
        click.echo(
            f"{delivery.identifier}  {delivery.channel}  {delivery.kind}  {whose}  {delivery.last_error}"
        )
    click.echo(f"{total} given up.")


@instance_command(click.argument("identifier", required=False), name="retry", side="public")
def retry(settings: Settings, identifier: str | None) -> None:
    """Try a delivery again that was given up; without IDENTIFIER, all of them."""
    found = [queries.delivery_or_stop(identifier)] if identifier else queries.failed_deliveries(size=1000)[0]
    for delivery in found:
        actions.retry(by=SYSTEM, delivery=delivery)
    click.echo(f"{len(found)} tried again by the server.")


def _as_json(delivery: Delivery) -> dict[str, object]:
    facts = {"identifier": delivery.identifier, "channel": delivery.channel, "kind": delivery.kind}
    facts |= {"user": delivery.user.username if delivery.user else None, "attempts": delivery.attempts}
    return {**facts, "created_at": wire(delivery.created_at), "last_error": delivery.last_error}


for command in (test_mail, failed, retry):
    mail.add_command(command)

COMMANDS = (mail,)
