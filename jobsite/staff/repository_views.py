"""Staff: repositories of study code, and their internal sign-off."""

from typing import Any

from flask import Response, flash

from jobsite.core.web import page, see
from jobsite.projects.rules import why_not_sign_off_internally
from jobsite.projects.sign_off import sign_off_internally
from jobsite.staff import audit, people, places, repositories
from jobsite.staff.area import asked, listed, question, routes, staff, sure


@routes("/staff/repositories/", needs="staff_area_access", side="public")
def all_repositories() -> Response:
    """Every repository; `q`, `sight`, `outputs` and `org` narrow the list."""
    staff()
    given: dict[str, Any] = {name: asked(name) for name in ("sight", "outputs", "org")}
    data: dict[str, Any] = {
        "q": asked("q"),
        "given": given,
        "listed": listed(repositories.found(asked("q"), **given)),
        "sights": repositories.SIGHTS,
        "outputs": repositories.OUTPUTS,
        "orgs": places.all_organisations(),
    }
    return page("staff/repositories.html", fragments=("listed",), **data)


@routes("/staff/repositories/<int:repo>/", needs="staff_area_access", side="public")
def repository(repo: int) -> Response:
    """A repository: its dates, sign-offs, workspaces, and whom to write to."""
    person = staff()
    shown = repositories.whole(repo)
    data: dict[str, Any] = {
        "labels": people.labels,
        "why_not": why_not_sign_off_internally(shown.repo, person.permissions),
        "entries": audit.newest(f"repo:{shown.repo.url}"),
    }
    return page("staff/repository.html", shown=shown, **data)


@routes(
    "/staff/repositories/<int:repo>/sign-off/",
    needs="staff_area_access",
    side="public",
    methods=("GET", "POST"),
)
def sign_off_repository(repo: int) -> Response:
    """Ask, then sign it off internally: the last word before an owner at GitHub makes it public."""
    person = staff()
    shown = repositories.whole(repo).repo
    if not sure():
        says = [
            f"You say that {shown.name} may become public. An owner of it is asked to do that at GitHub.",
            "This is done once, and stays.",
        ]
        back = f"/staff/repositories/{shown.id}/"
        return question(
            title=f"Sign off {shown.name}?", says=says, label="Sign off", tone="primary", back=back
        )
    sign_off_internally(by=person, repo=shown)
    flash(f"{shown.name} has been signed off.", "good")
    return see("staff.repository", repo=shown.id)
