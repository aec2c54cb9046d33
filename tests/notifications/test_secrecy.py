"""No sensitive word leaves by a notification: not in an inbox, an outbox row, a mail, a webhook or a log line."""

import logging
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.core import events
from jobsite.core.db import database
from jobsite.jobs.models import Job, JobRequest
from jobsite.notifications.delivering import deliver_due
from jobsite.notifications.models import Delivery, Heartbeat, MailChoice, Notice, Reading
from jobsite.notifications.reading import read_news
from jobsite.notifications.wording import KINDS
from jobsite.settings import Settings

from .conftest import PostOffice, Study, WebServer, project_yaml, settings_of_jobs  # noqa: F401

LINE = "MARKED-LINE-OF-THE-LOG"
ERROR = "MARKED-ERROR-OUTPUT"
CELL = "marked-cell-4711"
NAME = "unreleased_name_4711"
PRIVATE = (LINE, ERROR, CELL, NAME)

MAKE = f"""
import os, sys
os.makedirs("output", exist_ok=True)
open("output/{NAME}.csv", "w").write("x\\n{CELL}\\n")
print("{LINE}")
print("{ERROR}", file=sys.stderr)
"""
FAIL = f"import sys; sys.exit({ERROR!r})"
MISS = f"print({LINE!r}); open({NAME!r}, 'w').write({CELL!r})"


@pytest.fixture
def settings(settings_of_jobs: Settings) -> Settings:  # noqa: F811
    """Settings of a site without https, whose cookies a test client sends."""
    return settings_of_jobs


def test_no_sensitive_word_leaves_by_any_way(
    cast: SimpleNamespace,
    study: Study,
    ask: Callable[..., JobRequest],
    run: Callable[..., dict[str, Job]],
    app: Flask,
    office: PostOffice,
    web: WebServer,
    configure: Callable[..., None],
    sign_in: Callable[..., FlaskClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure(webhook_url=web.url, webhook_kinds=tuple(KINDS))
    kept = {"moderately_sensitive": {"x": f"output/{NAME[:-5]}*.csv"}}
    missed = [{"moderately_sensitive": {"x": f"output/{word}_{NAME[:-5]}*.csv"}} for word in ("one", "two")]
    text = project_yaml(
        make=("python:v2 make.py", [], kept),
        fail=("python:v2 fail.py", ["make"], missed[0]),
        miss=("python:v2 miss.py", ["make"], missed[1]),
    )
    study.commit(project__yaml=text, make__py=MAKE, fail__py=FAIL, miss__py=MISS)
    ended = run(ask("run_all", will_notify=True))
    assert {name: job.status_code for name, job in ended.items()} == {
        "make": "succeeded",
        "fail": "nonzero_exit",
        "miss": "unmatched_patterns",
    }
    with caplog.at_level(logging.DEBUG):
        read_news()
        for channel in ("mail", "webhook"):
            deliver_due(channel)
    assert [mail.message["Subject"] for mail in office.mails if "os asthma" in mail.message["Subject"]]
    inbox = sign_in(app.test_client(), "ada").get("/inbox/").text
    assert inbox.count("[os asthma]") >= 3
    everything = {
        "mails": "".join(mail.raw.decode() + mail.text + mail.html for mail in office.mails),
        "webhook": "".join(call.body.decode() for call in web.calls),
        "inbox": inbox,
        "rows": str(
            [list(model.select().dicts()) for model in (Notice, Delivery, MailChoice, Reading, Heartbeat)]
        ),
        "events": str([event.as_json() for event in events.since(0)]),
        "log": caplog.text,
    }
    assert len(web.calls) >= 3 and "nonzero" not in everything["inbox"]
    found = [(where, word) for where, said in everything.items() for word in PRIVATE if word in said]
    assert found == []
    assert database.is_connection_usable()
