"""The whole way, with a real server process: an event is stored, the server is killed, and the mail still comes, once."""

from pathlib import Path
from types import SimpleNamespace

from jobsite.core.db import close_database
from jobsite.notifications.models import Delivery, Heartbeat

from ..servers import Server, jobsite, until
from .conftest import PostOffice


def test_news_of_a_command_is_mailed_by_the_server_also_after_it_was_killed(
    cast: SimpleNamespace, instance: Path, office: PostOffice
) -> None:
    close_database()
    environ = {"JOBSITE_SMTP_URL": office.url, "JOBSITE_MAIL_FROM": "jobs@example.org"}
    with Server(instance, **environ) as server:
        server.kill()
    made = jobsite(instance, "user", "token", "ada")
    assert made.returncode == 0, made.stderr
    with Server(instance, **environ) as server:
        until(lambda: any("token generated" in mail.message["Subject"] for mail in office.mails))
        until(lambda: Heartbeat.select().where(Heartbeat.name == "notifications").exists())
        close_database()
        assert server.stop() == 0
    assert [mail.recipients for mail in office.mails] == [["ada@example.org"]]
    assert made.stdout.strip() not in office.mails[0].text
    assert Delivery.get(Delivery.kind == "token-made").state == "sent"
