"""What the room jobs adds to the pages of projects: requests at home and on a workspace, when code first ran."""

from jobsite.accounts.models import AnonymousPerson, User
from jobsite.core.clock import moment_of, now
from jobsite.jobs.first_runs import PRIVATE_FOR, first_run, first_start
from jobsite.jobs.home_rows import home_rows, running_rows
from jobsite.jobs.listing import RequestRow, newest_requests
from jobsite.projects.models import Project, Workspace
from jobsite.projects.parts import MAIN, Part

TEMPLATE = "jobs/_newest.html"
ALL_NEWEST = 10
OWN_NEWEST = 5


def home_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The newest requests of everybody; for a person their own first, what runs, what failed and what others finished.

    Newest requests that are all the person's own are not shown again below their own. One query.
    """
    if not isinstance(person, User):
        return [_part("Newest job requests", newest_requests(ALL_NEWEST), "/event-log/")]
    rows = home_rows(person)
    address = f"/users/{person.username}/logs/"
    shown = [
        Part("jobs/_home_running.html", "running", {"rows": rows.running}),
        Part("jobs/_home_failed.html", "waiting", {"failed": rows.failed, "news": bool(rows.failed)}),
        Part("jobs/_home_finished.html", "news", {"finished": rows.finished, "news": bool(rows.finished)}),
        Part("jobs/_home_count.html", "counts", {"total": rows.total, "address": address}),
        _part("Your job requests", rows.own, address),
    ]
    if any(row.request.created_by_id != person.id for row in rows.newest):
        shown.append(_part("Newest job requests", rows.newest, "/event-log/"))
    return shown


def running_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The region of home that keeps itself up to date, alone. One query, none for a visitor."""
    rows = running_rows(person) if isinstance(person, User) else ()
    return [Part("jobs/_home_running.html", "running", {"rows": rows})]


def workspace_parts(*, person: User | AnonymousPerson, workspace: Workspace) -> list[Part]:
    """The newest requests of a workspace; for its members, a reminder when its code has been private for long.

    One query, two where nothing was asked for yet.
    """
    is_private = workspace.is_member and not workspace.repo.is_public
    more = (first_start(workspace.project).alias("first_start"),) if is_private else ()
    newest = newest_requests(OWN_NEWEST, workspace=workspace, more=more)
    shown = [_part("Latest job requests", newest, f"/{workspace.name}/logs/", wide=False)]
    started = None
    if is_private:
        started = moment_of(newest[0].request.first_start) if newest else first_run(workspace.project)
    if started is not None and now() - started > PRIVATE_FOR:
        shown.append(
            Part("jobs/_still_private.html", "notices", {"first_run": started, "repo": workspace.repo})
        )
    return shown


def project_parts(*, person: User | AnonymousPerson, project: Project) -> list[Part]:
    """When the code of a project first ran, for its timeline. One query."""
    started = first_run(project)
    moments = [("Code first run", started)] if started else []
    return [Part("", "timeline", {"moments": moments})]


PARTS = {
    "home": (home_parts,),
    "home-running": (running_parts,),
    "workspace": (workspace_parts,),
    "project": (project_parts,),
}


def _part(title: str, rows: tuple[RequestRow, ...], address: str, *, wide: bool = True) -> Part:
    return Part(TEMPLATE, MAIN, {"title": title, "rows": rows, "address": address, "wide": wide})
