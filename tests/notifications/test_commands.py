"""`jobsite mail`: whether mails arrive, and what could not be delivered, for the one who runs the machine."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from jobsite.accounts.signing_in import make_token
from jobsite.cli import main
from jobsite.notifications.delivering import deliver_due
from jobsite.notifications.models import Delivery
from jobsite.notifications.reading import read_news

from .conftest import PostOffice
from .test_mails import free_port


def mail(instance: Path, *words: str, **environ: str) -> Result:
    """Run `jobsite mail WORDS`."""
    settings = {f"JOBSITE_{name.upper()}": value for name, value in environ.items()}
    return CliRunner().invoke(main, ["mail", *words, "--instance", str(instance)], env=settings)


def test_a_test_mail_arrives_and_it_says_how(instance: Path, office: PostOffice) -> None:
    done = mail(instance, "test", "sam@example.org", smtp_url=office.url, mail_from="jobs@example.org")
    assert done.exit_code == 0, done.output
    assert (
        f"The mail server 127.0.0.1, port {office.port}, took the mail from jobs@example.org" in done.output
    )
    assert "BASE_URL is not set" in done.output
    [got] = office.mails
    assert got.recipients == ["sam@example.org"]
    assert "Mails of this site reach you." in got.text


def test_it_says_what_went_wrong(instance: Path, office: PostOffice) -> None:
    office.answers["RCPT"] = "550 no such user"
    done = mail(instance, "test", "sam@example.org", smtp_url=office.url)
    assert done.exit_code == 1
    assert "refuses the recipient: 550 no such user" in done.stderr
    done = mail(instance, "test", "sam@example.org", smtp_url=f"smtp://127.0.0.1:{free_port()}")
    assert (done.exit_code, "nobody answers there" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("address", "environ", "sentence"),
    [
        ("sam@example.org", {}, "SMTP_URL is empty"),
        ("no address", {"smtp_url": "smtp://127.0.0.1"}, "address"),
        ("a@b.org\r\nBcc: c@d.org", {"smtp_url": "smtp://127.0.0.1"}, "address"),
    ],
)
def test_what_cannot_be_tried_is_said(
    instance: Path, address: str, environ: dict[str, str], sentence: str
) -> None:
    done = mail(instance, "test", address, **environ)
    assert done.exit_code == 1
    assert sentence in done.stderr


def test_what_was_given_up_is_listed_and_tried_again(
    instance: Path, cast: SimpleNamespace, office: PostOffice
) -> None:
    office.answers["RCPT"] = "550 no such user"
    make_token(by="system", user=cast.ada)
    read_news()
    deliver_due("mail")
    listed = json.loads(mail(instance, "failed", "--json").stdout)
    assert [(one["user"], one["kind"], one["attempts"]) for one in listed] == [("ada", "token-made", 1)]
    assert "550 no such user" in mail(instance, "failed").stdout
    assert mail(instance, "retry", listed[0]["identifier"]).stdout == "1 tried again by the server.\n"
    assert Delivery.get().state == "waiting"
    assert mail(instance, "retry", listed[0]["identifier"]).exit_code == 1
    assert mail(instance, "retry", "unknown").exit_code == 1
