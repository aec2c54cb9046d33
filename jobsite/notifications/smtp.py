"""One mail to one mail server, by the setting SMTP_URL, over TLS wherever it leaves this machine.

`smtps://` speaks TLS from the first byte. `smtp://` changes to it by STARTTLS: always where the server offers it, and a
server elsewhere has to, unless the address ends with `?starttls=no`. A password never goes out in the clear.
"""

import ipaddress
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from jobsite.notifications.deadlines import Deadline, Undelivered, why_not_reached
from jobsite.notifications.sites import host
from jobsite.notifications.wording import one_line
from jobsite.settings import current

PORTS = {"smtps": 465, "smtp": 25}
SUBMISSION = 587


@dataclass(frozen=True)
class Server:
    """The mail server of an SMTP_URL. `secure`: TLS from the first byte; `clear`: may be spoken to without any."""

    host: str
    port: int
    secure: bool
    clear: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """How sentences name it."""
        return f"The mail server {self.host}"


def server_of(address: str) -> Server:
    """The server an SMTP_URL names. Raises `Undelivered` when it names none."""
    try:
        parts = urlsplit(address)
        port, user = parts.port, unquote(parts.username or "")
    except ValueError:
        raise Undelivered("SMTP_URL is not an address.", unreachable=True) from None
    if not parts.hostname:
        raise Undelivered("SMTP_URL names no host.", unreachable=True)
    secure = parts.scheme == "smtps"
    usual = PORTS[parts.scheme] if secure or not user else SUBMISSION
    clear = parse_qs(parts.query).get("starttls") == ["no"] or _is_here(parts.hostname)
    return Server(parts.hostname, port or usual, secure, clear, user, unquote(parts.password or ""))


def submit(message: EmailMessage, sender: str, recipient: str) -> str:
    """Hand a mail to the mail server for this recipient alone; gives how it was reached, in words.

    Takes at most `DELIVERY_TIMEOUT`. Raises `Undelivered`.
    """
    server = server_of(current().smtp_url)
    deadline = Deadline(current().delivery_timeout.total_seconds())
    try:
        return _talk(server, deadline, message, sender, recipient)
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise _refused(server, "refuses the recipient", code, text, final=code >= 500) from None
    except smtplib.SMTPResponseException as error:
        if deadline.passed:  # then the answer is what had come until it was cut
            raise Undelivered(f"{server.name} {deadline.sentence}.", unreachable=True) from None
        raise _not_taken(server, error) from None
    except smtplib.SMTPNotSupportedError:
        raise Undelivered(f"{server.name} cannot send to an address with such letters.", final=True) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        cause = deadline.sentence if deadline.passed else _cause(error)
        raise Undelivered(f"{server.name} {cause}.", unreachable=True) from None


class _Timed(smtplib.SMTP):
    """A connection that is cut at the deadline, however slowly the server speaks."""

    def __init__(self, server: Server, deadline: Deadline, **more: Any) -> None:
        self._timer = deadline.hang_up_on(lambda: self.sock)
        try:
            super().__init__(server.host, server.port, local_hostname=host(), timeout=deadline.left, **more)
        except BaseException:
            self._timer.cancel()
            raise

    def close(self) -> None:
        """End the connection and its timer."""
        self._timer.cancel()
        super().close()


class _TimedSecure(_Timed, smtplib.SMTP_SSL):
    """The same with TLS from the first byte. Without a context, smtplib would check no certificate."""

    def __init__(self, server: Server, deadline: Deadline) -> None:
        super().__init__(server, deadline, context=ssl.create_default_context())


def _talk(server: Server, deadline: Deadline, message: EmailMessage, sender: str, recipient: str) -> str:
    connection = _TimedSecure(server, deadline) if server.secure else _Timed(server, deadline)
    try:
        how = "TLS" if server.secure else _start_tls(connection, server)
        if server.user:
            _log_in(connection, server, how)
        connection.send_message(message, sender, [recipient])
        with suppress(smtplib.SMTPException, OSError):
            connection.quit()  # it has the mail: what comes now does not matter
        return how
    finally:
        connection.close()


def _start_tls(connection: smtplib.SMTP, server: Server) -> str:
    connection.ehlo_or_helo_if_needed()
    if connection.has_extn("starttls"):
        connection.starttls(context=ssl.create_default_context())
        connection.ehlo()
        return "STARTTLS"
    if not server.clear:
        raise Undelivered(
            f"{server.name} does not offer STARTTLS, so no mail is given to it. "
            "Use smtps://, or end SMTP_URL with ?starttls=no if the way to it is safe.",
            unreachable=True,
        )
    return "no TLS"


def _log_in(connection: smtplib.SMTP, server: Server, how: str) -> None:
    if how == "no TLS":
        raise Undelivered(
            f"{server.name} does not offer STARTTLS, so the password is not sent to it.", unreachable=True
        )
    if not connection.has_extn("auth"):
        raise Undelivered(f"{server.name} asks for no user name, so SMTP_URL needs none.", unreachable=True)
    connection.login(server.user, server.password)


def _not_taken(server: Server, error: smtplib.SMTPResponseException) -> Undelivered:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        what, final = "refuses the user name or the password", False
    elif isinstance(error, smtplib.SMTPSenderRefused):
        what, final = "refuses the sender", False
    elif isinstance(error, smtplib.SMTPDataError):
        what, final = "refuses the mail", error.smtp_code >= 500
    else:
        what, final = "refuses to talk", False
    own = isinstance(error, smtplib.SMTPDataError)
    return _refused(server, what, error.smtp_code, error.smtp_error, final=final, unreachable=not own)


def _refused(
    server: Server, what: str, code: int, text: bytes | str, *, final: bool, unreachable: bool = False
) -> Undelivered:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if server.password:
        said = said.replace(server.password, "…")
    sentence = f"{server.name} {what}: {code} {one_line(said, 160)}"
    return Undelivered(sentence, final=final, unreachable=unreachable)


def _cause(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "ended the connection"
    if isinstance(error, smtplib.SMTPException | UnicodeError):
        return "gave an answer that cannot be understood"
    return why_not_reached(error)


def _is_here(name: str) -> bool:
    """Whether a host is this machine: what goes there does not leave it."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
