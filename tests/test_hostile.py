"""Hostile names, texts, files and log lines are shown as text, or cleaned, on every page that shows them."""

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.models import ApiToken, Backend, Identity, Session, User
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.jobs.models import Job, JobOutput, JobRequest, ProjectFile
from jobsite.notifications.models import Delivery, Notice
from jobsite.projects.models import Organisation, Project, ProjectDataPermission, Repo, Workspace
from jobsite.search.models import WorkspaceAction
from jobsite.status.alerts import SiteAlert

from .jobs.conftest import (  # noqa: F401  the study of the jobs' tests
    Study,
    ask,
    engine,
    project_yaml,
    run,
    run_until,
    settings,
    study,
    workspace,
)
from .route_world import address_of, things_of_ada, things_of_dan
from .test_routes import routes

MARK = "<img src=x onerror=alert(1)>"
BREAK_OUT = "\" onmouseover=\"alert(2)' autofocus onfocus='alert(3)"
TEMPLATE = "{{ 4711 * 1000 }}${4711*1000}{% raw %}"
LINKS = (
    "[a](javascript:alert(4)) <javascript:alert(5)> [b](data:text/html,alert(6)) ![c](//evil.example/x.png)"
)
DRAWN = "<svg/onload=alert(7)><a xlink:href=javascript:alert(8)>x</a></svg></script></textarea></title><base href=//evil.example>"
TURNED = "\u202egnp.exe\u2066\u200b\x07\x1b[31m"
ONE_LINE = f"{MARK}{BREAK_OUT}{TEMPLATE}{DRAWN}{TURNED}"
TEXT = f"{ONE_LINE}\n\n{LINKS}\n\n```\n{MARK}\n```\n\n<style>*{{display:none}}</style>"
FILE = "output/<img src=x onerror=alert(1)>'&{{4711*1000}}.csv"
CODE = f"""
import os
os.mkdir("output")
open({FILE!r}, "w").write({f"a,{MARK}" + chr(10) + f"{TEMPLATE},{DRAWN}" + chr(10)!r})
print({ONE_LINE!r})
print("::group::" + {MARK!r})
print("\\x1b]8;;javascript:alert(9)\\x1b\\\\link\\x1b]8;;\\x1b\\\\")
"""


class Acting(HTMLParser):
    """Notes whatever in a page would act or load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note handlers, foreign sources and addresses that are programs."""
        if tag in ("base", "object", "embed", "style") or (tag == "img" and ("src", "x") in attrs):
            self.found.append(tag)
        for name, value in attrs:
            address = (value or "").strip().lower()
            acts = name.startswith("on") or name in ("style", "srcdoc")
            leads = name.split(":")[-1] in ("href", "src", "action", "formaction") and (
                address.startswith(("javascript:", "data:", "vbscript:"))
                or urlsplit(address).netloc == "evil.example"
            )
            if acts or leads:
                self.found.append(f"{tag} {name}={value}")
        if tag == "script" and not (dict(attrs).get("src") or "").startswith("/static/"):
            self.found.append("script")

    handle_startendtag = handle_starttag


def acting(page: str) -> list[str]:
    """What in a page would act or load from elsewhere; empty for a page that only shows."""
    reader = Acting()
    reader.feed(page)
    reader.close()
    return reader.found


@pytest.fixture
def marked(
    study: Study,  # noqa: F811
    ask: Callable[..., JobRequest],  # noqa: F811
    run: Callable[..., object],  # noqa: F811
    app: Flask,
    cast: SimpleNamespace,
) -> Iterator[list[str]]:
    """Every text that a person, a study or a program can give is hostile; all addresses of ada's and of dan's things."""
    text = project_yaml(make=("python:v2 make.py", [], {"moderately_sensitive": {"x": "output/*.csv"}}))
    study.commit(project__yaml=text, make__py=CODE)
    request = ask("make", will_notify=True)
    run(request)
    assert Job.get().status_code == "succeeded", Job.get().status_message
    ada = things_of_ada(cast, request, Job.get(Job.job_request == request), FILE)
    dan = things_of_dan(cast)
    spoil()
    yield [
        address_of(route, values)
        for values in (ada, dan)
        for route in routes(app)
        if "GET" in route.methods and "email/" not in route.rule
    ]


def spoil() -> None:
    """Put hostile texts wherever free words are kept, past all rules, as an old version or a mistake might have."""
    number = User.id.cast("TEXT")
    User.update(fullname=ONE_LINE, email=number.concat(MARK)).execute()
    Organisation.update(name=Organisation.id.cast("TEXT").concat(ONE_LINE), description=TEXT).execute()
    Project.update(
        name=Project.id.cast("TEXT").concat(ONE_LINE),
        status_description=TEXT,
        copilot_notes=TEXT,
        copilot=User.get(),
    ).execute()
    Workspace.update(purpose=TEXT, branch=ONE_LINE, created_by=ONE_LINE, updated_by=ONE_LINE).execute()
    Repo.update(
        problem=ONE_LINE, visibility_problem=ONE_LINE, branches=[ONE_LINE], topics=[ONE_LINE]
    ).execute()
    Backend.update(name=ONE_LINE).execute()
    Session.update(browser=ONE_LINE, way=MARK).execute()
    ApiToken.update(name=ApiToken.id.cast("TEXT").concat(ONE_LINE), created_by=ONE_LINE).execute()
    SiteAlert.update(title=ONE_LINE, message=TEXT).execute()
    JobRequest.update(status_message=ONE_LINE, requested_actions=[ONE_LINE]).execute()
    Job.update(action=ONE_LINE, run_command=ONE_LINE, reason=ONE_LINE, status_message=ONE_LINE).execute()
    ProjectFile.update(text=TEXT).execute()
    Notice.update(facts={"username": ONE_LINE, "workspace": ONE_LINE, "action": ONE_LINE}).execute()
    Delivery.update(last_error=ONE_LINE, recipient=ONE_LINE).execute()
    project = Project.get(Project.slug == "air")
    ProjectDataPermission.create(
        project=project, kind="dataset", value=ONE_LINE, reason=TEXT, created_by=ONE_LINE
    )
    for person in User.select():
        Identity.create(
            provider=ONE_LINE,
            uid=f"{person.id}",
            user=person,
            name_there=ONE_LINE,
            created_at=person.date_joined,
        )
    WorkspaceAction.update(action=ONE_LINE).execute()
    JobOutput.update(path=FILE).execute()
    with writing():
        for subject in ("project:air", "user:ada", "workspace:asthma"):
            record("project:edited", by=ONE_LINE, subject=subject, status_description=ONE_LINE, before=TEXT)


def test_whatever_is_hostile_is_shown_as_text_on_every_page(
    marked: list[str], app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    """OC24."""
    shown, pages = 0, 0
    for person in ("ada", "sam", None):
        client = sign_in(app.test_client(), person) if person else app.test_client()
        for where in marked:
            answer = client.get(where, buffered=True)
            assert answer.status_code < 500, (person, where)
            assert "<img" not in str(answer.headers), where
            if answer.mimetype == "text/html":
                pages += 1
                assert acting(answer.text) == [], (person, where)
                assert "4711000" not in answer.text, (person, where)
                shown += "&lt;img src=x" in answer.text or "&lt;svg" in answer.text
            else:
                assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    assert pages > 300
    assert shown > 120, shown


@pytest.mark.parametrize(
    "words", [MARK, BREAK_OUT, TEMPLATE, DRAWN, TURNED, "x" * 10_000, "\0", "%00", "'" * 50]
)
def test_whatever_is_asked_for_is_repeated_as_text(
    app: Flask, cast: SimpleNamespace, sign_in: Callable[..., FlaskClient], words: str
) -> None:
    client = sign_in(app.test_client(), "sam")
    for where in ("/search/", "/event-log/", "/users/", "/projects/", "/organisations/", "/workspaces/", "/inbox/",
                  "/manual/", "/staff/", "/staff/users/", "/staff/audit/", "/staff/requests/", "/staff/why/",
                  "/staff/projects/", "/staff/workspaces/", "/login/", "/status/"):  # fmt: skip
        names = (
            "q",
            "search",
            "user",
            "person",
            "status",
            "org",
            "next",
            "page",
            "kind",
            "permission",
            "sort",
        )
        answer = client.get(where, query_string=dict.fromkeys(names, words))
        assert answer.status_code < 500, where
        assert acting(answer.text) == [], where
        assert "4711000" not in answer.text, where


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ("<img src=x onerror=alert(1)>", ["img", "img onerror=alert(1)"]),
        ('<a href=" JavaScript:x">a</a>', ["a href= JavaScript:x"]),
        ("<svg/onload=alert(7)>", ["svg onload=alert(7)"]),
        ("<script>x</script>", ["script"]),
        ("&lt;img src=x onerror=alert(1)&gt;", []),
    ],
)
def test_the_reader_sees_what_acts(page: str, what: list[str]) -> None:
    assert acting(page) == what
