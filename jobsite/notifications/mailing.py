"""Mails: what they look like, and how one is handed to the mail server.

Every header is one line, whatever people are called; the envelope names exactly one recipient. A mail keeps its
Message-ID and date in every try, so that whoever gets it twice sees one.
"""

import logging
from datetime import UTC
from email import policy
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from jobsite.accounts.email_change import confirmation_path
from jobsite.accounts.models import User
from jobsite.notifications.choices import link_for
from jobsite.notifications.deadlines import Undelivered
from jobsite.notifications.models import Delivery
from jobsite.notifications.rules import DROPPED, GROUPS, LOGGED, SENT
from jobsite.notifications.sentences import Worded
from jobsite.notifications.sites import host, link_to, place
from jobsite.notifications.smtp import submit
from jobsite.notifications.wording import KINDS, Kind, one_line, worded
from jobsite.settings import current

# Long headers are not folded: Python would encode a long link of List-Unsubscribe into something no program reads.
POLICY = policy.SMTP.clone(max_line_length=998, cte_type="7bit")

CONFIRM = "email-confirm"

log = logging.getLogger("jobsite.mail")


def send_mail(delivery: Delivery) -> str:
    """Hand a mail to the mail server; gives what became of it. Raises `Undelivered`.

    Without a mail server the mail is noted in the log, without its address and links. It is dropped when the person
    may not log in any more, has no confirmed address, or no longer asks for the address it would confirm.
    """
    kind, user = KINDS.get(delivery.kind), delivery.user
    address = _address_of(delivery)
    if kind is None or not address:
        return DROPPED
    words = worded(delivery.kind, _facts_now(delivery), place())
    if not current().smtp_url:
        name = user.username if user else "an address of the settings"
        log.info("no SMTP_URL, so this mail to %s stays here: %s", name, one_line(words.subject))
        return LOGGED
    submit(message_of(delivery, address, words, kind), sender_address(), address)
    return SENT


def _address_of(delivery: Delivery) -> str:
    """Where a mail goes as things stand now; "" when it has become pointless."""
    user = delivery.user
    if user is None:
        return delivery.recipient
    if not user.is_active:
        return ""
    if delivery.kind == CONFIRM and user.new_email != delivery.recipient:
        return ""
    return delivery.recipient or (user.email if user.email and user.email_confirmed_at else "")


def _facts_now(delivery: Delivery) -> dict[str, Any]:
    """The facts of a mail, with the signed link that is kept nowhere."""
    if delivery.kind != CONFIRM:
        return delivery.facts
    return {**delivery.facts, "path": confirmation_path(delivery.user, delivery.recipient)}


def message_of(delivery: Delivery, address: str, words: Worded, kind: Kind) -> EmailMessage:
    """The mail of a delivery to one address. Raises `Undelivered` for an address that no header can hold."""
    user = delivery.user
    name = user.fullname if user else ""
    ends = _ends(user, kind)
    message = message_to(_named(name, address), words.subject, f"{delivery.identifier}@{_domain()}")
    message["Date"] = format_datetime(delivery.created_at.replace(tzinfo=UTC))
    if ends:
        message["List-Unsubscribe"] = f"<{ends}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    data = {
        "name": name,
        "words": words,
        "link": link_to(words.path),
        "why": kind.why,
        "ends": ends,
        "choices": link_to("/settings/notifications/"),
        "optional": user is not None and GROUPS[kind.group].optional,
    }
    _fill(message, "notice", data)
    return message


def message_to(to: Address, subject: str, identifier: str) -> EmailMessage:
    """A mail with its headers but without text: one recipient, one-line subject, marked as sent by a program."""
    message = EmailMessage(policy=POLICY)
    message["From"] = _sender()
    message["To"] = to
    message["Subject"] = one_line(subject)
    message["Message-ID"] = f"<{identifier}>"
    message["Auto-Submitted"] = "auto-generated"
    return message


def send_test(address: str, identifier: str) -> str:
    """Send a mail that says that mails arrive; gives how the server was reached. Raises `Undelivered`."""
    words = Worded(
        f"A test of {place().platform}",
        ("Mails of this site reach you.", "Links in them lead to the address below."),
        "/",
        "Open the site",
    )
    message = message_to(_named("", address), words.subject, f"{identifier}@{_domain()}")
    data = {
        "name": "",
        "words": words,
        "link": link_to("/"),
        "why": "Somebody tested the mails of this site.",
    }
    _fill(message, "notice", {**data, "ends": "", "choices": "", "optional": False})
    return submit(message, sender_address(), address)


def sender_address() -> str:
    """The bare address mails come from."""
    return _sender().addr_spec


def _sender() -> Address:
    name, address = parseaddr(current().mail_from)
    return _named(name, address or f"jobsite@{host()}")


def _domain() -> str:
    return _sender().domain or "localhost"


def _named(name: str, address: str) -> Address:
    try:
        found = Address(one_line(name, 100), addr_spec=address)
    except (ValueError, HeaderParseError, IndexError):
        raise Undelivered("The address of this person cannot be used for a mail.", final=True) from None
    return found


def _ends(user: User | None, kind: Kind) -> str:
    """The address that ends such mails with one click; "" where they cannot be ended or the site has no address."""
    if user is None or not (GROUPS[kind.group].optional and current().base_url):
        return ""
    return link_to(f"/unsubscribe/{link_for(user, kind.group)}/")


def _fill(message: EmailMessage, template: str, data: dict[str, Any]) -> None:
    templates = _templates()
    data = {**data, "platform": place().platform}
    message.set_content(templates.get_template(f"{template}.txt").render(data))
    message.add_alternative(templates.get_template(f"{template}.html").render(data), subtype="html")


@cache
def _templates() -> Environment:
    """The templates of mails: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    folders = [str(folder / "templates" / "mail") for folder in (package, package.parent)]
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
