"""Projects and their members, new workspaces in them, organisations, and addresses of old."""

from flask import Response, flash, request
from flask_login import current_user

from jobsite.accounts.models import User
from jobsite.core.errors import Invalid, NotFound, refuse
from jobsite.core.web import ANYONE, LOGIN, Routes, page, see, show_refusal
from jobsite.projects import lists, project_page, workspaces
from jobsite.projects.actions import edit_project as change_project
from jobsite.projects.forms import NewWorkspaceForm, ProjectForm
from jobsite.projects.models import Project, Repo
from jobsite.projects.moved import MovedForGood, moved_to
from jobsite.projects.parts import parts
from jobsite.projects.prose import rendered
from jobsite.projects.queries import has_org, org_or_stop, project_or_stop
from jobsite.projects.rules import STATUSES, why_not_create_workspace, why_not_markdown

routes = Routes("projects")


def me() -> User:
    """The person who is asking; where no login is needed, perhaps an AnonymousPerson, who may do nothing."""
    return current_user._get_current_object()


def page_number() -> int:
    """The page of a list that is asked for; 1 for anything that is no number."""
    return request.args.get("page", 1, type=int)


@routes("/projects/", needs=ANYONE)
def projects() -> Response:
    """All projects, one's own first; `q` searches."""
    search = request.args.get("q", "").strip()
    listed = lists.paged(lists.projects(search), page_number())
    mine = [] if search else lists.my_projects(me())
    return page("projects/projects.html", fragments=("listed",), listed=listed, mine=mine, q=search)


@routes("/projects/<slug>/", needs=ANYONE)
def project(slug: str) -> Response:
    """A project: workspaces, repositories and people for everybody; roles, status and data for members and staff."""
    shown = project_or_stop(slug)
    return page("projects/project.html", project=shown, may=lists.may, **project_page.facts(shown, me()))


@routes("/projects/<slug>/edit/", needs="project_manage", side="public")
def edit_project(slug: str) -> Response:
    """The form of status and description."""
    shown = project_or_stop(slug, "project_manage")
    form = ProjectForm(
        formdata=None, data={"status": shown.status, "status_description": shown.status_description}
    )
    return _project_form(shown, form)


@routes("/projects/<slug>/edit/", needs="project_manage", side="public", methods=("POST",))
def save_project(slug: str) -> Response:
    """Save status and description, or show how the description will look (`preview`)."""
    shown = project_or_stop(slug, "project_manage")
    form = ProjectForm(data={"status_description": shown.status_description})
    description = form.status_description.data
    try:
        if "preview" in request.form:
            refuse(status_description=why_not_markdown(description))
            return _project_form(shown, form, preview=rendered(description))
        change_project(by=me(), project=shown, status=form.status.data or "", description=description)
    except Invalid as refusal:
        show_refusal(form, refusal)
        return _project_form(shown, form, status=422)
    flash("The project has been saved.", "good")
    return see("projects.project", slug=slug)


def _project_form(shown: Project, form: ProjectForm, preview: str = "", status: int = 200) -> Response:
    data = {
        "entry": form,
        "preview": preview,
        "statuses": list(STATUSES.values()),
        "without_purpose": [space for space in lists.workspaces_of(shown) if not space.purpose],
    }
    return page("projects/edit.html", fragments=("preview",), status=status, project=shown, **data)


@routes("/projects/<slug>/new-workspace/", needs="workspace_create", side="public")
def new_workspace(slug: str) -> Response:
    """The form of a new workspace, with the known branches of the repository `repo`, or of the project's only one."""
    shown = project_or_stop(slug, "workspace_create")
    used = lists.repositories_of(shown)
    repo = workspaces.normal(request.args.get("repo", "")) or (used[0].url if len(used) == 1 else "")
    form = NewWorkspaceForm(formdata=None, data={"repo": repo})
    return _workspace_form(shown, form, lists.repository(repo))


@routes("/projects/<slug>/new-workspace/", needs="workspace_create", side="public", methods=("POST",))
def create_workspace(slug: str) -> Response:
    """Create the workspace, or as a step on the way (`step=branches`) ask git for the branches to choose from."""
    shown = project_or_stop(slug, "workspace_create")
    form = NewWorkspaceForm()
    typed = {name: form[name].data or "" for name in ("name", "repo", "branch", "purpose")}
    try:
        if request.form.get("step") == "branches":
            return _branches(shown, form, typed["repo"])
        made = workspaces.create_workspace(by=me(), project=shown, **typed)
    except Invalid as refusal:
        show_refusal(form, refusal)
        return _workspace_form(shown, form, lists.repository(workspaces.normal(typed["repo"])), status=422)
    flash(f"The workspace {made.name} has been created.", "good")
    return see("projects.workspace", name=made.name)


def _branches(shown: Project, form: NewWorkspaceForm, repo: str) -> Response:
    """The form again with the branches that git lists now; a branch chosen in another repository is let go."""
    chosen, form.branch.data = form.branch.data, ""
    known = workspaces.ask_branches(by=me(), repo=repo)
    if known.problem:
        raise Invalid({"repo": known.problem})
    form.branch.data = chosen if chosen in known.branches else ""
    form.repo.data = known.url
    return _workspace_form(shown, form, known)


def _workspace_form(
    shown: Project, form: NewWorkspaceForm, known: Repo | None, status: int = 200
) -> Response:
    form.offer(known.branches if known else ())
    data = {
        "entry": form,
        "known": known,
        "offered": lists.repositories_offered(me(), shown),
        "why_not": why_not_create_workspace(shown.permissions, has_org=has_org(me())),
    }
    return page("projects/new_workspace.html", fragments=("branches",), status=status, project=shown, **data)


@routes("/orgs/", needs=LOGIN, side="public")
def my_orgs() -> Response:
    """The organisations one belongs to."""
    listed = lists.paged(lists.organisations(me()), page_number(), 20)
    return page("projects/orgs.html", listed=listed, title="Your organisations")


@routes("/organisations/", needs=ANYONE)
def orgs() -> Response:
    """All organisations."""
    return page(
        "projects/orgs.html", listed=lists.paged(lists.organisations(), page_number()), title="Organisations"
    )


@routes("/orgs/<slug>/", needs=ANYONE)
def org(slug: str) -> Response:
    """An organisation and its projects."""
    shown = org_or_stop(slug)
    listed = lists.paged(lists.projects_of(shown), page_number())
    return page("projects/org.html", org=shown, listed=listed, parts=parts("org", person=me(), org=shown))


@routes("/<first>/<path:rest>", needs=ANYONE)
def moved(first: str, rest: str) -> Response:
    """An address that nothing else answers: on to where the thing is now, or 404."""
    path = moved_to(first, rest)
    if path is None:
        raise NotFound("")
    raise MovedForGood(path)
