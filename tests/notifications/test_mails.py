"""Mails at a real mail server: what they look like, how they get there, and what happens when they do not."""

import logging
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
import trustme
from flask import Flask

from jobsite.accounts import email_change
from jobsite.accounts.actions import deactivate, edit_user, set_roles
from jobsite.accounts.models import User
from jobsite.accounts.signing_in import make_token
from jobsite.core import clock
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.notifications.deadlines import Undelivered
from jobsite.notifications.delivering import deliver_due, due_channels
from jobsite.notifications.models import Delivery
from jobsite.notifications.reading import read_news
from jobsite.notifications.smtp import server_of

from .conftest import SITE, Listener, Mail, PostOffice, accept_only, context_of

Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def people(cast: SimpleNamespace) -> SimpleNamespace:
    """The cast; that they were added has been read."""
    read_news()
    return cast


def send(user: User) -> Delivery:
    """Make news for somebody, and try to deliver it once; the row as it is then."""
    make_token(by="system", user=user)
    read_news()
    deliver_due("mail")
    return Delivery.select().order_by(Delivery.id.desc()).get()


class TestLook:
    """What is in a mail."""

    def test_it_has_text_and_html_that_say_the_same_with_a_link(
        self, people: SimpleNamespace, office: PostOffice
    ) -> None:
        assert send(people.ada).state == "sent"
        [mail] = office.mails
        for body in (mail.text, mail.html):
            assert "Hello Ada Adewale" in body
            assert "A new single-use token was generated for your account." in body
            assert "help@example.org" in body
            assert f"{SITE}/settings/" in body
        assert mail.message["Subject"] == "New OpenSAFELY login token generated"

    def test_its_headers_say_that_a_program_sent_it_from_whom_and_to_whom(
        self, people: SimpleNamespace, office: PostOffice
    ) -> None:
        row = send(people.ada)
        [mail] = office.mails
        message = mail.message
        assert (mail.sender, mail.recipients) == ("jobs@example.org", ["ada@example.org"])
        assert message["From"] == "Jobs <jobs@example.org>"
        assert message["To"] == "Ada Adewale <ada@example.org>"
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["Message-ID"] == f"<{row.identifier}@example.org>"
        assert message["Date"] and message["MIME-Version"] == "1.0"

    def test_a_mail_about_the_account_cannot_be_ended(
        self, people: SimpleNamespace, office: PostOffice
    ) -> None:
        send(people.ada)
        assert "List-Unsubscribe" not in office.mails[0].message

    def test_others_carry_a_link_that_ends_them_with_one_click(
        self, people: SimpleNamespace, app: Flask, office: PostOffice
    ) -> None:
        [mail] = about_roles(people, office)
        message = mail.message
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = re.fullmatch(rf"<{SITE}(/unsubscribe/[^/]+/)>", message["List-Unsubscribe"])
        assert link, message["List-Unsubscribe"]
        assert f"{SITE}{link[1]}" in mail.text
        done = app.test_client().post(link[1], data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200, "no cookie, no CSRF field: it is the mail program that posts"
        assert about_roles(people, office) == [mail], "no second one came"

    def test_a_person_may_be_called_anything_and_adds_no_header_and_no_recipient(
        self, people: SimpleNamespace, office: PostOffice
    ) -> None:
        evil = 'Ada\r\nBcc: evil@example.com\r\n\r\n<script>alert(1)</script> "x", <y@z.org>'
        User.update(fullname=evil).where(User.id == people.ada.id).execute()
        row = send(people.ada)
        assert row.state == "sent", row.last_error
        [mail] = office.mails
        assert mail.recipients == ["ada@example.org"]
        assert "Bcc" not in mail.message
        assert [one.addr_spec for one in mail.message["To"].addresses] == ["ada@example.org"]
        assert b"\r\nBcc:" not in mail.raw.partition(b"\r\n\r\n")[0]
        assert "<script>" not in mail.html

    def test_names_in_any_script_arrive(self, people: SimpleNamespace, office: PostOffice) -> None:
        User.update(fullname="Åda Żółć 王").where(User.id == people.ada.id).execute()
        send(people.ada)
        message = office.mails[0].message
        assert message["To"].addresses[0].display_name == "Åda Żółć 王"
        assert "Hello Åda Żółć 王," in office.mails[0].text
        assert office.mails[0].raw.isascii()

    def test_without_an_address_of_the_site_a_mail_has_no_false_links(
        self, people: SimpleNamespace, office: PostOffice, configure: Configure
    ) -> None:
        configure(base_url="")
        [mail] = about_roles(people, office)
        assert "List-Unsubscribe" not in mail.message
        assert "http" not in mail.text


def about_roles(people: SimpleNamespace, office: PostOffice) -> list[Mail]:
    """What the office has after ada's roles were changed by sam."""
    set_roles(by=people.sam, user=people.ada, roles=["OutputChecker"])
    read_news()
    deliver_due("mail")
    return office.mails


class TestWhom:
    """Who gets a mail at all."""

    def test_an_address_that_is_not_confirmed_gets_nothing(
        self, people: SimpleNamespace, office: PostOffice
    ) -> None:
        User.update(email_confirmed_at=None).where(User.id == people.ada.id).execute()
        assert send(people.ada).state == "dropped"
        assert office.mails == []

    def test_somebody_who_was_shut_out_gets_nothing(
        self, people: SimpleNamespace, office: PostOffice
    ) -> None:
        make_token(by="system", user=people.ada)
        read_news()
        deactivate(by="system", user=people.ada)
        deliver_due("mail")
        assert office.mails == []

    def test_a_mail_goes_to_the_address_the_person_has_when_it_leaves(
        self, people: SimpleNamespace, office: PostOffice
    ) -> None:
        make_token(by="system", user=people.ada)
        read_news()
        edit_user(by="system", user=people.ada, fullname="Ada", email="other@example.org")
        deliver_due("mail")
        assert office.mails[0].recipients == ["other@example.org"]

    def test_the_link_that_confirms_an_address_works_and_is_kept_nowhere(
        self, people: SimpleNamespace, office: PostOffice
    ) -> None:
        email_change.ask(by=people.ada, email="new@example.org")
        read_news()
        deliver_due("mail")
        sent = {mail.recipients[0]: mail for mail in office.mails}
        assert set(sent) == {"new@example.org", "ada@example.org"}
        found = re.search(rf"{SITE}/settings/email/([^/]+)/", sent["new@example.org"].text)
        assert found
        assert found[1] not in sent["ada@example.org"].raw.decode()
        assert not [row for row in Delivery.select().dicts() if found[1] in str(row)]
        ada = User.get_by_id(people.ada.id)
        assert email_change.confirm(by=ada, signed=found[1]) == "new@example.org"

    def test_a_link_for_an_address_that_is_not_wanted_any_more_is_not_sent(
        self, people: SimpleNamespace, office: PostOffice
    ) -> None:
        email_change.ask(by=people.ada, email="new@example.org")
        read_news()
        email_change.withdraw(by=people.ada)
        deliver_due("mail")
        assert "new@example.org" not in [mail.recipients[0] for mail in office.mails]

    def test_the_address_of_the_settings_for_publications_gets_its_mail(
        self, people: SimpleNamespace, office: PostOffice, configure: Configure
    ) -> None:
        configure(publications_email="Publications <pub@example.org>")
        facts = {"repo": "org/study", "url": "https://github.com/org/study", "has_github_outputs": True}
        with writing():
            record("repo:signed-off", by="ben", subject="repo:x", creators=[], copilots=[], **facts)
        read_news()
        deliver_due("mail")
        [mail] = office.mails
        assert mail.recipients == ["pub@example.org"]
        assert mail.message["Subject"] == "Repository with outputs signed off: org/study"
        assert "List-Unsubscribe" not in mail.message

    def test_without_a_mail_server_it_is_noted_without_address_and_link(
        self, people: SimpleNamespace, configure: Configure, caplog: pytest.LogCaptureFixture
    ) -> None:
        email_change.ask(by=people.ada, email="new@example.org")
        with caplog.at_level(logging.INFO, "jobsite.mail"):
            assert send(people.ada).state == "logged"
        assert "this mail to ada stays here: New OpenSAFELY login token generated" in caplog.text
        assert "example.org" not in caplog.text
        assert "/settings/" not in caplog.text


class TestServers:
    """How a mail server is spoken to."""

    def test_a_mail_goes_over_starttls_with_user_and_password(
        self, people: SimpleNamespace, configure: Configure, trusted: ssl.SSLContext
    ) -> None:
        office = PostOffice(
            tls_context=trusted,
            require_starttls=True,
            auth_required=True,
            authenticator=accept_only("job@x", "p:w/d"),
        )
        with running(office):
            configure(smtp_url=f"smtp://job%40x:p%3Aw%2Fd@127.0.0.1:{office.port}")
            row = send(people.ada)
        assert row.state == "sent", row.last_error
        assert [(mail.secure, mail.user) for mail in office.mails] == [(True, "job@x")]

    def test_a_mail_goes_over_tls_from_the_first_byte(
        self, people: SimpleNamespace, configure: Configure, trusted: ssl.SSLContext
    ) -> None:
        office = PostOffice(ssl_context=trusted)
        with running(office):
            configure(smtp_url=f"smtps://127.0.0.1:{office.port}")
            row = send(people.ada)
        assert row.state == "sent", row.last_error
        assert len(office.mails) == 1

    @pytest.mark.parametrize("scheme", ["smtp", "smtps"])
    def test_a_server_whose_certificate_is_not_trusted_gets_nothing(
        self, people: SimpleNamespace, configure: Configure, scheme: str
    ) -> None:
        context = context_of(trustme.CA())
        office = PostOffice(**({"tls_context": context} if scheme == "smtp" else {"ssl_context": context}))
        with running(office):
            configure(smtp_url=f"{scheme}://127.0.0.1:{office.port}")
            row = send(people.ada)
        assert "could not be reached over a secure connection" in row.last_error
        assert (row.state, office.mails) == ("waiting", [])

    def test_a_certificate_for_another_name_is_not_trusted(
        self, people: SimpleNamespace, configure: Configure, authority: trustme.CA, trusted: ssl.SSLContext
    ) -> None:
        other = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("mail.example.org").configure_cert(other)
        office = PostOffice(tls_context=other)
        with running(office):
            configure(smtp_url=office.url)
            row = send(people.ada)
        assert "could not be reached over a secure connection" in row.last_error
        assert office.mails == []

    def test_a_password_never_goes_out_in_the_clear(
        self, people: SimpleNamespace, configure: Configure
    ) -> None:
        office = PostOffice(authenticator=accept_only("job", "hush"), auth_require_tls=False)
        with running(office):
            configure(smtp_url=f"smtp://job:hush@127.0.0.1:{office.port}?starttls=no")
            row = send(people.ada)
        assert "does not offer STARTTLS, so the password is not sent to it" in row.last_error
        assert office.mails == []

    def test_a_wrong_password_is_said_without_it(
        self, people: SimpleNamespace, configure: Configure, trusted: ssl.SSLContext
    ) -> None:
        office = PostOffice(
            tls_context=trusted, auth_required=True, authenticator=accept_only("job", "right")
        )
        with running(office):
            configure(smtp_url=f"smtp://job:hush-hush@127.0.0.1:{office.port}")
            row = send(people.ada)
        assert "refuses the user name or the password: 535" in row.last_error
        assert "hush" not in row.last_error
        assert row.state == "waiting"

    def test_a_server_elsewhere_has_to_offer_starttls_unless_the_operator_says_otherwise(self) -> None:
        assert not server_of("smtp://mail.example.org").clear
        assert server_of("smtp://mail.example.org?starttls=no").clear
        assert server_of("smtp://localhost").clear and server_of("smtp://[::1]:2525").clear

    @pytest.mark.parametrize(
        ("address", "port"),
        [
            ("smtp://m", 25),
            ("smtp://u:p@m", 587),
            ("smtps://m", 465),
            ("smtps://u:p@m", 465),
            ("smtp://m:7", 7),
        ],
    )
    def test_ports_are_those_of_the_way_unless_one_is_named(self, address: str, port: int) -> None:
        assert server_of(address).port == port

    @pytest.mark.parametrize("address", ["smtp://", "smtp://host:port", "smtp://[::1"])
    def test_an_address_that_names_no_server_is_said(self, address: str) -> None:
        with pytest.raises(Undelivered, match="SMTP_URL"):
            server_of(address)


@pytest.fixture
def patient(configure: Configure) -> None:
    """Deliveries may take a moment only."""
    configure(delivery_timeout=timedelta(seconds=0.4))


class running:
    """A mail server within the block."""

    def __init__(self, office: PostOffice) -> None:
        self.office = office

    def __enter__(self) -> None:
        self.office.start()

    def __exit__(self, *_: object) -> None:
        self.office.stop()


class TestRefusals:
    """What the server says, and what becomes of the mail then."""

    @pytest.mark.parametrize(
        ("command", "answer", "state"),
        [
            ("RCPT", "450 greylisted", "waiting"),
            ("RCPT", "550 no such user", "given_up"),
            ("MAIL", "451 try later", "waiting"),
            ("MAIL", "550 not you", "waiting"),
            ("DATA", "452 disk full", "waiting"),
            ("DATA", "554 looks like spam", "given_up"),
        ],
    )
    def test_a_passing_refusal_is_tried_again_and_a_final_one_is_not(
        self, people: SimpleNamespace, office: PostOffice, command: str, answer: str, state: str
    ) -> None:
        office.answers[command] = answer
        row = send(people.ada)
        assert row.state == state
        assert answer in row.last_error
        assert row.attempts == 1

    def test_one_that_fails_stops_no_other(self, people: SimpleNamespace, office: PostOffice) -> None:
        User.update(email="broken address").where(User.id == people.ada.id).execute()
        make_token(by="system", user=people.ada)
        make_token(by="system", user=people.ben)
        read_news()
        deliver_due("mail")
        assert [mail.recipients for mail in office.mails] == [["ben@example.org"]]
        assert Delivery.get(Delivery.user == people.ada).state == "given_up"

    def test_a_server_that_is_not_there_costs_one_try_and_all_wait(
        self, people: SimpleNamespace, configure: Configure
    ) -> None:
        configure(smtp_url=f"smtp://127.0.0.1:{free_port()}")
        make_token(by="system", user=people.ada)
        make_token(by="system", user=people.ben)
        read_news()
        assert deliver_due("mail") == 1
        rows = list(Delivery.select().order_by(Delivery.id))
        assert [(row.state, row.attempts) for row in rows] == [("waiting", 1), ("waiting", 0)]
        assert "nobody answers there" in rows[0].last_error
        assert due_channels() == [], "and for a minute nobody is asked again"
        with clock.at(clock.now() + timedelta(seconds=61)):
            assert deliver_due("mail") == 1

    def test_a_server_that_says_nothing_is_left_in_time(
        self, people: SimpleNamespace, configure: Configure, patient: None, listener: Callable[..., Listener]
    ) -> None:
        silent = listener(lambda connected: connected.recv(1) and None)
        configure(smtp_url=f"smtp://127.0.0.1:{silent.port}")
        row = send(people.ada)
        assert row.last_error == "The mail server 127.0.0.1 did not answer within 0.4 seconds."

    def test_a_server_that_drips_is_left_in_time(
        self, people: SimpleNamespace, configure: Configure, patient: None, listener: Callable[..., Listener]
    ) -> None:
        def drip(connected: socket.socket) -> None:
            while True:
                connected.sendall(b"2")
                time.sleep(0.02)

        slow = listener(drip)
        configure(smtp_url=f"smtp://127.0.0.1:{slow.port}")
        assert "did not answer within 0.4 seconds" in send(people.ada).last_error

    @pytest.mark.parametrize(
        ("said", "sentence"),
        [
            (b"", "ended the connection"),
            (b"HTTP/1.1 200 OK\r\n\r\n", "refuses to talk"),
            (b"554 go away\r\n", "refuses to talk: 554 go away"),
            (b"\xff" * 10_000 + b"\r\n", ""),
        ],
    )
    def test_what_is_no_mail_server_is_said(
        self,
        people: SimpleNamespace,
        configure: Configure,
        listener: Callable[..., Listener],
        said: bytes,
        sentence: str,
    ) -> None:
        odd = listener(lambda connected: connected.sendall(said))
        configure(smtp_url=f"smtp://127.0.0.1:{odd.port}")
        row = send(people.ada)
        assert row.state == "waiting"
        assert sentence in row.last_error and len(row.last_error) < 400

    def test_a_server_that_has_the_mail_and_says_no_goodbye_has_the_mail(
        self, people: SimpleNamespace, configure: Configure, listener: Callable[..., Listener]
    ) -> None:
        gone = listener(take_and_hang_up)
        configure(smtp_url=f"smtp://127.0.0.1:{gone.port}")
        row = send(people.ada)
        assert (row.state, gone.calls) == ("sent", 1), row.last_error


def take_and_hang_up(connected: socket.socket) -> None:
    """Speak SMTP up to the end of a mail, then hang up without waiting for QUIT."""
    connected.sendall(b"220 here\r\n")
    file = connected.makefile("rb")
    for line in file:
        word = line[:4].upper()
        if word == b"DATA":
            connected.sendall(b"354 go on\r\n")
            while file.readline() != b".\r\n":
                pass
            connected.sendall(b"250 taken\r\n")
            file.close()
            return
        connected.sendall(b"250 OK\r\n")


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.fixture(autouse=True)
def no_noise(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Failures are logged as warnings; that is not what these tests look at."""
    caplog.set_level(logging.INFO, "jobsite")
    yield
