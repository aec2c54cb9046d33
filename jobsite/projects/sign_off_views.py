"""The pages of a repository: signing it off, and where a badge in its README leads."""

from typing import Any

from flask import Response, flash, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.utils import redirect

from jobsite.core.errors import NotFound
from jobsite.core.web import ANYONE, LOGIN, Routes, page, see
from jobsite.projects import lists, sign_off
from jobsite.projects.models import Workspace
from jobsite.projects.project_views import me

routes = Routes("projects")

UNTICKED = "Tick the box to confirm that the repository may be made public."


@routes("/publish-repo/<repo>/", needs=LOGIN, side="public")
def sign_off_repo(repo: str) -> Response:
    """The steps of signing off a repository, for members of a project that uses it and for staff."""
    shown = sign_off.sign_off_or_stop(me(), repo)
    is_staff = "staff_area_access" in current_user.permissions
    return page("projects/sign_off.html", shown=shown, part=shown.repo.address_part, is_staff=is_staff)


@routes("/publish-repo/<repo>/confirm/", needs=LOGIN, side="public")
def ask_to_sign_off(repo: str) -> Response:
    """Ask before the workspace `name` is signed off or, without a name, before the repository is to be made public."""
    shown = sign_off.sign_off_or_stop(me(), repo)
    name = request.args.get("name", "")
    return _question(shown, _space(shown, name) if name else None)


@routes("/publish-repo/<repo>/", needs=LOGIN, side="public", methods=("POST",))
def save_sign_off(repo: str) -> Response:
    """Sign off the workspace `name`; without a name, ask that the repository be made public (`confirmed`)."""
    shown = sign_off.sign_off_or_stop(me(), repo)
    name = request.form.get("name", "")
    if name:
        sign_off.sign_off_workspace(by=me(), workspace=_space(shown, name))
        flash(f"The workspace {name} has been signed off.", "good")
    elif "confirmed" in request.form:
        sign_off.request_public(by=me(), repo=shown.repo)
        flash("The repository has been signed off. Those who can make it public are told.", "good")
    else:
        return _question(shown, None, wrong="" if shown.why_not_public else UNTICKED, status=422)
    return see("projects.sign_off_repo", repo=shown.repo.address_part)


@routes("/repo/<repo>/", needs=ANYONE, side="public")
def repo_badge(repo: str) -> ResponseReturnValue:
    """Where the badge in a README leads: to the project that uses the repository, or to the list of them."""
    url = sign_off.url_in(repo)
    found = lists.projects_using(url)
    if not found and not lists.is_known_owner(url):
        raise NotFound("No project of this site uses this repository.")
    if len(found) == 1:
        return redirect(f"/projects/{found[0].slug}/")
    return page("projects/repo.html", url=url, found=found)


def _space(shown: sign_off.SignOff, name: str) -> Workspace:
    """The workspace of that name of the repository. Raises `NotFound`."""
    for space in shown.spaces:
        if space.name == name:
            return space
    raise NotFound(f"There is no workspace {name} of this repository.")


def _question(
    shown: sign_off.SignOff, space: Workspace | None, *, wrong: str = "", status: int = 200
) -> Response:
    why_not = shown.reasons[space.name] if space else shown.why_not_public
    data: dict[str, Any] = {"shown": shown, "space": space, "why_not": why_not, "wrong": wrong}
    return page("projects/sign_off_question.html", status=status, **data)
