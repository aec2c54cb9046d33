"""`jobsite demo`: people, a project, a workspace and a study to try everything with."""

import os
from pathlib import Path

import click
import tomlkit

from jobsite import settings as all_settings
from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import backend_or_stop, user_named, user_or_stop
from jobsite.accounts.signing_in import make_token
from jobsite.core.commands import instance_command
from jobsite.core.errors import Refused
from jobsite.demo.study import create_study, install_study_python, study_python
from jobsite.jobs.actions import Wish, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.models import JobRequest
from jobsite.projects.actions import add_member, add_org_member, add_organisation, add_project
from jobsite.projects.models import Organisation, OrgMembership, Project, Workspace
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import FILE, Settings

PEOPLE = {
    "ada": (),
    "ben": (),
    "cat": ("OutputChecker",),
    "cyd": ("OutputChecker",),
    "pat": ("OutputPublisher",),
    "sam": ("StaffAreaAdministrator", "ServiceAdministrator", "TechSupport"),
    "dan": (),
}
MEMBERS = {"ada": "ProjectDeveloper", "ben": "ProjectCollaborator"}
PURPOSE = "Tries everything out with public data: survival after breast cancer, from extraction to report."
EXAMPLE = "The same study, run once when the demo was made: look here to see a finished run."


@instance_command(
    click.option("--run", is_flag=True, help="Also run the whole study once, in the workspace demo-example."),
    click.option(
        "--python", type=click.Path(path_type=Path, exists=True), help="A Python that has lifelines."
    ),
    name="demo",
    side="together",
)
def demo(settings: Settings, run: bool, python: Path | None) -> None:
    """Create the demo people, project, workspace and study, and print a sign-in line for each person."""
    study = settings.instance / "repos" / "demo-study.git"
    create_study(study)
    _write_settings(settings, study, python)
    all_settings.use(all_settings.load(settings.instance))
    people = {name: _person(name, roles) for name, roles in PEOPLE.items()}
    project = _project(people)
    _workspace(project, study, "demo", PURPOSE)
    if run:
        _run(people["ada"], _workspace(project, study, "demo-example", EXAMPLE))
    address = settings.base_url or f"http://127.0.0.1:{os.environ.get('PORT', '8000')}"
    for name, person in people.items():
        click.echo(f"{name}  {make_token(by=person, user=person)}  {address}/login/")


COMMANDS = (demo,)


def _write_settings(settings: Settings, study: Path, python: Path | None) -> None:
    """Let this instance use the study's repository and a Python with its packages; what is set already stays."""
    lines: list[tuple[str, object]] = []
    if not any(str(study).startswith(prefix) for prefix in settings.allowed_repos):
        lines.append(("allowed_repos", [*settings.allowed_repos, str(study)]))
    found = python or study_python(settings.runtimes) or _install(settings.instance / "runtimes" / "python")
    if found != _runtime(settings):
        lines.append(
            (
                "runtimes",
                {name: list(words) for name, words in settings.runtimes.items()} | {"python": str(found)},
            )
        )
    if lines:
        _append(settings.instance / FILE, lines)


def _runtime(settings: Settings) -> Path | None:
    command = settings.runtimes.get("python:v2") or settings.runtimes.get("python")
    return Path(command[0]) if command else None


def _install(target: Path) -> Path:
    click.echo("Installing the packages of the demo study (once, about a minute)", err=True)
    try:
        return install_study_python(target)
    except RuntimeError as problem:
        raise Refused(str(problem)) from None


def _append(path: Path, entries: list[tuple[str, object]]) -> None:
    """Put settings into the file; everything else in it, comments too, stays as it is."""
    document = tomlkit.parse(path.read_text("utf-8") if path.exists() else "")
    for name, value in entries:
        for old in [key for key in document if key.lower() == name]:
            del document[old]
        document[name] = value
    path.write_text(tomlkit.dumps(document), "utf-8")


def _person(name: str, roles: tuple[str, ...]) -> User:
    return user_named(name) or add_user(
        by="system", username=name, fullname=name.capitalize(), email=f"{name}@example.org", roles=roles
    )


def _run(ada: User, workspace: Workspace) -> None:
    """Ask for the whole study to be run, unless that was done before."""
    if not JobRequest.select().where(JobRequest.workspace == workspace).exists():
        definition = newest_definition(workspace)
        submit(by=ada, wish=Wish(workspace, backend_or_stop("local"), definition, ("run_all",)))


def _project(people: dict[str, User]) -> Project:
    """The demo project with its organisation, members and backend; made where missing."""
    if not Backend.get_or_none(Backend.slug == "local"):
        add_backend(by="system", slug="local", name="Local")
    org = Organisation.get_or_none(Organisation.slug == "demo") or add_organisation(by="system", name="Demo")
    for name in MEMBERS:
        if not OrgMembership.get_or_none(org=org, user=people[name]):
            add_org_member(by="system", org=org, user=people[name])
    project = Project.get_or_none(Project.slug == "demo-study")
    if project is None:
        project = add_project(by="system", name="Demo study", orgs=[org])
        for name, role in MEMBERS.items():
            add_member(by="system", project=project, user=people[name], roles=[role])
    return project


def _workspace(project: Project, study: Path, name: str, purpose: str) -> Workspace:
    """A workspace of the study, made by ada where missing."""
    return Workspace.get_or_none(Workspace.name == name) or create_workspace(
        by=user_or_stop("ada"), project=project, name=name, repo=str(study), branch="main", purpose=purpose
    )
