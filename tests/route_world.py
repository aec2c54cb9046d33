"""A site on which everything that an address can name is there twice: ada's (or air's), and another person's (or soil's)."""

import hashlib
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from urllib.parse import quote

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobsite.accounts import email_change
from jobsite.accounts.api_tokens import make_api_token
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import ApiToken, Backend, Session, User
from jobsite.accounts.sessions import start
from jobsite.core.clock import now
from jobsite.core.db import close_connections
from jobsite.core.ids import short_id, ulid
from jobsite.core.web import Route
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.notifications.choices import link_for
from jobsite.notifications.models import Delivery, Notice
from jobsite.notifications.rules import GIVEN_UP
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Redirect, Repo, Workspace
from jobsite.publishing import actions as publishing
from jobsite.releases.models import ReleaseFile
from jobsite.releases.requests import copies
from jobsite.releases.requests.models import ReleaseRequest, RequestFile, RequestGroup
from jobsite.settings import Settings, current
from jobsite.status.alerts import add_alert

from .databases import keep, put
from .releases.released import Made

GONE = "nothing-4712"
NO_NUMBER = "4712"

Values = Mapping[str, Mapping[str, str]]
"""For each endpoint, and under "" for all others, a value for each name in an address."""


def things_of_ada(cast: SimpleNamespace, request: JobRequest, job: Job, path: str) -> Values:
    """What stands for each name in an address: ada's things, and those of her project air."""
    workspace = request.workspace
    general = {
        "name": workspace.name, "workspace": workspace.name, "slug": "air", "project": "air", "org": "northfield",
        "backend": "local", "number": str(request.id), "older": str(request.id), "identifier": job.identifier,
        "path": path, "ref": "main", "username": "ben", "repo": in_address(workspace.repo.url), "rest": "logs/x",
        "first": GONE, "dashboard": "projects", "policy": "default", "version": "1", "commit": "0" * 40,
        "request": str(request.id),
    }  # fmt: skip
    found = {"": general, **_of_one_person(cast.ada, general)}
    if current().public:
        found |= released_things(cast, workspace, request.backend)
        found |= drafted_things(cast, cast.ada, workspace, request.backend)
    return {**found, **(requested_things(cast.ada, workspace, request.backend) if current().secure else {})}


def things_of_dan(cast: SimpleNamespace) -> Values:
    """The same of another person in another project, with other members and another backend."""
    org = add_organisation(by="system", name="Southfield")
    project = add_project(by="system", name="Soil", orgs=[org])
    add_member(by="system", project=project, user=cast.dan, roles=["ProjectDeveloper"])
    add_member(by="system", project=project, user=cast.pat, roles=["ProjectCollaborator"])
    backend = add_backend(by="system", slug="far", name="Far")
    repo = Repo.create(url="https://github.com/southfield/soil")
    workspace = Workspace.create(
        name="acidity", project=project, repo=repo, branch="main", created_by="dan", updated_by="dan"
    )
    request = waiting_request(workspace, backend, cast.dan)
    job = Job.get(Job.job_request == request)
    general = {
        "name": "acidity", "workspace": "acidity", "slug": "soil", "project": "soil", "org": "southfield",
        "backend": "far", "number": str(request.id), "older": str(request.id), "identifier": job.identifier,
        "path": "output/acid.csv", "ref": "main", "username": "pat", "repo": in_address(repo.url), "rest": "logs/x",
        "first": GONE, "dashboard": "copiloting", "policy": "default", "version": "1", "commit": "1" * 40,
        "request": str(request.id),
    }  # fmt: skip
    return {
        "": general,
        **_of_one_person(cast.dan, general),
        **released_things(cast, workspace, backend),
        **drafted_things(cast, cast.dan, workspace, backend),
        **requested_things(cast.dan, workspace, backend),
    }


def released_things(cast: SimpleNamespace, workspace: Workspace, backend: Backend) -> Values:
    """A release of one file from a workspace, with its record, for the addresses that name it."""
    number, name = f"01HX{workspace.id:022}", "output/released.csv"
    Made(cast, backend, workspace).sealed({name: b"n\n5\n"}, number)
    file = ReleaseFile.get(release=number, name=name)
    values = {
        "workspace": workspace.name,
        "slug": workspace.project.slug,
        "release_id": number,
        "file_id": file.id,
    }
    values |= {"path": name}
    names = (
        "releases",
        "project_releases",
        "release",
        "file",
        "content",
        "download",
        "certificate",
        "bundle_zip",
    )
    names += ("delete", "latest", "latest_download")
    its = {f"releases.{endpoint}": values for endpoint in names}
    of_programs = ("release_files", "file_bytes", "upload", "reviews", "recall")
    its |= {f"api.{endpoint}": values for endpoint in of_programs}
    return {**its, "releases.latest_version": {**values, "path": f"{backend.slug}/{name}"}}


def drafted_things(cast: SimpleNamespace, by: User, workspace: Workspace, backend: Backend) -> Values:
    """A draft publication of a workspace, for the addresses that name one; beside it a file that is published."""
    number, draft, published = f"01HY{workspace.id:022}", "output/draft.csv", "output/published.csv"
    Made(cast, backend, workspace).sealed({draft: b"n\n10\n", published: b"n\n15\n"}, number)
    files = {file.name: file.id for file in ReleaseFile.select().where(ReleaseFile.release == number)}
    waits, shown = (
        publishing.draft(by=by, workspace=workspace, file_ids=[files[name]]) for name in (draft, published)
    )
    publishing.publish(by=cast.pat, snapshot=shown)
    values = {"workspace": workspace.name, "number": str(waits.id), "file_id": files[draft], "path": draft}
    names = ("snapshot", "download", "bundle_zip", "cite", "describe", "publish", "reject", "withdraw")
    names += ("content", "file")
    its = {f"publishing.{endpoint}": values for endpoint in names}
    its |= {f"api.{endpoint}": values | {"name": workspace.name} for endpoint in ("snapshot", "publish")}
    return {**its, "publishing.published": {**values, "file_id": files[published]}}


def requested_things(by: User, workspace: Workspace, backend: Backend) -> Values:
    """A draft release request with one drawing, for the addresses that name one."""
    moment, drawing, path = now(), b"<svg xmlns='http://www.w3.org/2000/svg'/>", "output/asked.svg"
    digest = hashlib.sha256(drawing).hexdigest()
    (copies.folder() / digest).write_bytes(drawing)
    request = ReleaseRequest.create(
        id=ulid(moment), workspace=workspace, backend=backend, project=workspace.project, author=by,
        created_at=moment, moved_at=moment, moved_by=by.username, policy="default", policy_version=1,
    )  # fmt: skip
    group = RequestGroup.create(request=request, slug="figures", name="Figures", position=1)
    file = RequestFile.create(
        request=request, group=group, path=path, kind="OUTPUT", sha256=digest, size=len(drawing), mtime=0.0,
        added_at=moment, added_turn=0,
    )  # fmt: skip
    values = {
        "request_id": request.id,
        "group": group.slug,
        "path": path,
        "step": "withdraw",
        "number": str(file.id),
    }
    names = (
        "show_request",
        "act_on_request",
        "activity",
        "record",
        "show_group",
        "act_on_group",
        "show_file",
        "act_on_file",
        "content",
    )
    names += (
        "submit_page",
        "submit_request",
        "my_review",
        "submit_my_review",
        "show_step",
        "take_step",
        "add_to",
    )
    return {
        f"desk.{endpoint}": values | {"workspace": workspace.name, "backend": backend.slug}
        for endpoint in names
    }


def things_that_are_not_there(values: Values) -> Values:
    """A name nobody has and a number nothing has, for every name in an address."""
    numbers = {"number", "older", "alert", "redirect", "version"}
    general = {name: NO_NUMBER if name in numbers else GONE for name in values[""]}
    general |= dict.fromkeys(("alert", "redirect", "number", "older"), NO_NUMBER)
    return {"": general, "staff.repository": general | {"repo": NO_NUMBER}} | {
        "staff.sign_off_repository": general | {"repo": NO_NUMBER}
    }


def waiting_request(workspace: Workspace, backend: object, by: object) -> JobRequest:
    """A request whose one job waits."""
    file, _ = ProjectFile.get_or_create(sha256="0" * 64, defaults={"text": "version: 5\n"})
    moment = now()
    request = JobRequest.create(
        identifier=short_id(), workspace=workspace, backend=backend, requested_actions=["make"],
        commit="0" * 40, project_file=file, jobs_total=1, created_at=moment, created_by=by,
    )  # fmt: skip
    Job.create(
        identifier=short_id(), job_request=request, workspace=workspace, backend=backend, action="make",
        run_command="python:v2 make.py", created_at=moment, updated_at=moment, status_code_updated_at=moment,
    )  # fmt: skip
    return request


def _of_one_person(person: object, general: Mapping[str, str]) -> Values:
    """What has numbers or signatures of its own, by the endpoints that take them."""
    start(person=person, way="token", user_agent="Another browser")
    session = Session.select().where(Session.user == person).order_by(Session.id.desc()).get()
    notice = Notice.create(user=person, kind="token_made", key=f"k{person.id}", facts={"username": "x"})
    alert = add_alert(by="system", title=f"Of {person.username}", message="Words.", level="info")
    own = {
        **(_of_one_person_outside(person, general) if current().public else {}),
        "accounts.end_session": {"number": session.id},
        "notifications.read_one": {"number": notice.id},
        "notifications.read_one_again": {"number": notice.id},
        "staff.edit_alert": {"alert": alert.id},
        "staff.delete_alert": {"alert": alert.id},
        "status.backend_contact": {"slug": general["backend"]},
        "status.backend_database": {"slug": general["backend"]},
        "manual.show": {"slug": "roles"},
        "projects.repo_badge": {"repo": in_address("https://github.com/southfield/soil")},
        "projects.org": {"slug": general["org"]},
        "jobs.org_logs": {"slug": general["org"]},
    }
    return {
        name: {**general, **{key: str(value) for key, value in given.items()}} for name, given in own.items()
    }


def _of_one_person_outside(person: User, general: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """The same of what only the public side has."""
    make_api_token(by=person, user=person, name="A program", days=3)
    token = ApiToken.select().where(ApiToken.user == person).get()
    delivery = Delivery.create(
        channel="mail", kind="token_made", facts={"username": "x"}, user=person, state=GIVEN_UP
    )
    workspace = Workspace.get(Workspace.name == general["name"])
    redirect = Redirect.create(
        old_url=f"/old-of-{person.username}/", workspace=workspace, created_by="system", expires_at=now()
    )
    wanted = f"new-{person.username}@example.org"
    email_change.ask(by=person, email=wanted)
    signed = email_change.confirmation_path(User.get_by_id(person.id), wanted).split("/")[-2]
    return {
        "accounts.ask_to_revoke": {"number": token.id},
        "accounts.revoke_api_token": {"number": token.id},
        "accounts.email_page": {"signed": signed},
        "accounts.confirm_email": {"signed": signed},
        "notifications.unsubscribe_page": {"link": link_for(person, "jobs")},
        "notifications.unsubscribe_at_once": {"link": link_for(person, "jobs")},
        "staff.repository": {"repo": workspace.repo_id},
        "staff.sign_off_repository": {"repo": workspace.repo_id},
        "staff.delete_redirect": {"redirect": redirect.id},
        "staff.retry_delivery": {"identifier": delivery.identifier},
    }


def in_address(url: str) -> str:
    """The address of a repository as one part of a path of ours."""
    return quote(quote(url, safe=""), safe="")


def address_of(route: Route, values: Values) -> str:
    """The address of a route with these values; raises KeyError where one is missing."""
    given = values.get(route.endpoint, values[""])
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda found: given.get(found[1], GONE), route.rule)


def word_of(answer: TestResponse) -> str:
    """An answer as the matrix has it: `login` where it asks to log in first, else the status."""
    if answer.status_code in (302, 303) and (answer.location or "").startswith("/login/?next="):
        return "login"
    return str(answer.status_code)


class Rewound:
    """The database as it was, before each request that changes it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept = settings.instance / "jobsite.kept"
        self.keep()

    def keep(self) -> None:
        """What is there now is what `back` restores."""
        keep(self._settings, self._kept)

    def back(self) -> None:
        """Undo all that was written since."""
        close_connections()
        put(self._kept, self._settings)


def asked(client: FlaskClient, route: Route, method: str, values: Values, kept: Rewound) -> str:
    """The answer to one request, an empty form where it posts, as a word of the matrix; what it did is undone."""
    where, cookies = address_of(route, values), dict(client._cookies)
    answer = client.open(where, method=method, data={} if method == "POST" else None, buffered=True)
    assert answer.status_code < 500, (method, where, answer.status_code)
    if method == "POST":
        client._cookies = cookies
        kept.back()
    return word_of(answer)


def routes_of(app: Flask) -> list[tuple[str, str, Route]]:
    """Every pair of method and address, without the kinds of its parts, with its route."""
    return [
        (method, re.sub(r"<[^:>]+:", "<", route.rule), route)
        for route in app.extensions["jobsite.routes"]
        for method in sorted(route.methods)
    ]


def browsers(
    app: Flask, sign_in: Callable[..., FlaskClient], people: tuple[str, ...]
) -> dict[str, FlaskClient]:
    """A browser for each of these people, logged in; `visitor` is nobody."""
    return {
        name: app.test_client() if name == "visitor" else sign_in(app.test_client(), name) for name in people
    }
