"""What staff do to organisations, projects, members, data permissions and workspaces."""

import json
from datetime import datetime
from types import SimpleNamespace

import pytest

from jobsite.core.errors import Conflict, Denied, Invalid
from jobsite.core.events import Event
from jobsite.projects import actions, data_permissions, lists
from jobsite.projects.models import Organisation, Project, ProjectMembership, Workspace
from jobsite.projects.rules import DATA_PERMISSIONS
from jobsite.projects.workspaces import edit_workspace, move_workspace, set_archived


def told(type: str) -> list[dict]:
    return [json.loads(event.data) for event in Event.select().where(Event.type == type).order_by(Event.id)]


def details(project: Project, **changed: object) -> dict:
    orgs = [row.org for row in project.collaborations]
    facts = {"name": project.name, "slug": project.slug, "number": project.number or "", "orgs": orgs}
    return {**facts, **changed}


def test_staff_edit_an_organisation(cast: SimpleNamespace, org: Organisation) -> None:
    facts = {"name": "Northfield", "slug": org.slug, "description": " The north ", "is_internal": True}
    made = actions.edit_organisation(by=cast.sam, org=org, github_orgs=["nf", "nf", " nf-data ", ""], **facts)
    assert (made.name, made.description, made.github_orgs) == ("Northfield", "The north", ["nf", "nf-data"])
    assert made.is_internal
    change = told("org:edited")[0]
    assert change["name"] == {"before": "University of Northfield", "after": "Northfield"}
    assert "slug" not in change


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", "South"),
        ("slug", "South!"),
        ("slug", "south"),
        ("github_orgs", ["north field"]),
        ("description", "\0"),
    ],
)
def test_an_organisation_keeps_its_facts_when_one_is_wrong(
    org: Organisation, field: str, wrong: object
) -> None:
    actions.add_organisation(by="system", name="South")
    facts = {"name": org.name, "slug": org.slug, field: wrong}
    with pytest.raises(Invalid) as refused:
        actions.edit_organisation(by="system", org=org, **facts)
    assert list(refused.value.fields) == [field]
    assert told("org:edited") == []


def test_staff_edit_what_they_keep_of_a_project(cast: SimpleNamespace, project: Project) -> None:
    south = actions.add_organisation(by="system", name="South")
    orgs = [south, *(row.org for row in project.collaborations)]
    until = datetime(2027, 1, 1)
    changed = {"copilot": cast.sam, "copilot_support_ends_at": until, "copilot_notes": "asked for help twice"}
    made = actions.edit_project_details(
        by=cast.sam,
        project=project,
        category="approved",
        **details(project, orgs=orgs, number="7"),
        **changed,
    )
    assert (made.number, made.copilot.username, made.copilot_support_ends_at) == ("7", "sam", until)
    assert [org.slug for org in lists.orgs_of(made)] == ["south", "university-of-northfield"]
    change = told("project:details")[0]
    assert change["copilot"] == {"before": None, "after": "sam"}
    assert "asked for help" not in json.dumps(change)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", "sea"),
        ("slug", "sea"),
        ("slug", ""),
        ("number", "007"),
        ("number", "12"),
        ("orgs", []),
        ("copilot", "dan"),
        ("copilot", None),
        ("category", "secret"),
        ("copilot_notes", "x" * 30_000),
    ],
)
def test_a_project_keeps_its_facts_when_one_is_wrong(
    cast: SimpleNamespace, project: Project, field: str, wrong: object
) -> None:
    actions.add_project(by="system", name="Sea", orgs=[Organisation.get()], number="12")
    if field == "copilot":
        wrong = getattr(cast, wrong) if isinstance(wrong, str) else None
    with pytest.raises(Invalid) as refused:
        facts = {"copilot": cast.sam, **details(project), field: wrong}
        actions.edit_project_details(by=cast.sam, project=project, **facts)
    assert list(refused.value.fields) == ["org" if field == "orgs" else field]
    assert Project.get_by_id(project.id).name == "Air"


def test_staff_add_several_people_or_none(cast: SimpleNamespace, project: Project) -> None:
    with pytest.raises(Invalid, match="ben"):
        actions.add_members(
            by=cast.sam, project=project, users=[cast.cat, cast.ben], roles=["ProjectDeveloper"]
        )
    assert ProjectMembership.get_or_none(project=project, user=cast.cat) is None
    added = actions.add_members(by=cast.sam, project=project, users=[cast.cat, cast.dan, cast.cat])
    assert [row.user.username for row in added] == ["cat", "dan"]
    assert [one["user"] for one in told("member:added")[-2:]] == ["cat", "dan"]
    with pytest.raises(Invalid):
        actions.add_members(by=cast.sam, project=project, users=[])


def test_data_permissions_are_kept_by_staff(cast: SimpleNamespace, project: Project) -> None:
    data_permissions.add(by=cast.sam, project=project, kind="dataset", value="ukrr", reason="Approved in May")
    data_permissions.add(by=cast.sam, project=project, kind="component", value="sqlrunner")
    assert [(one.kind, one.value) for one in data_permissions.of(project)] == [
        ("component", "sqlrunner"),
        ("dataset", "ukrr"),
    ]
    with pytest.raises(Conflict):
        data_permissions.add(by=cast.sam, project=project, kind="dataset", value="ukrr")
    data_permissions.remove(by=cast.sam, project=project, kind="dataset", value="ukrr")
    with pytest.raises(Conflict):
        data_permissions.remove(by=cast.sam, project=project, kind="dataset", value="ukrr")
    assert len(told("project:data-permission-added")) == 2
    assert told("project:data-permission-removed") == [{"kind": "dataset", "value": "ukrr"}]


@pytest.mark.parametrize(("kind", "value"), [("table", "ukrr"), ("dataset", "sqlrunner"), ("component", "")])
def test_only_known_data_permissions_are_given(project: Project, kind: str, value: str) -> None:
    with pytest.raises(Invalid):
        data_permissions.add(by="system", project=project, kind=kind, value=value)


def test_the_values_of_data_permissions_are_those_of_the_specification() -> None:
    assert {kind: len(values) for kind, values in DATA_PERMISSIONS.items()} == {
        "dataset": 9,
        "population": 3,
        "component": 2,
    }


def test_staff_move_a_workspace_once(
    cast: SimpleNamespace, project: Project, workspace: Workspace, org: Organisation
) -> None:
    sea = actions.add_project(by="system", name="Sea", orgs=[org])
    moved = move_workspace(by=cast.sam, workspace=workspace, project=sea)
    assert moved.project.slug == "sea"
    assert told("workspace:moved") == [{"before": "air", "after": "sea"}]
    with pytest.raises(Conflict):
        move_workspace(by=cast.sam, workspace=workspace, project=sea)


def test_staff_may_archive_and_describe_a_workspace(cast: SimpleNamespace, workspace: Workspace) -> None:
    set_archived(by=cast.sam, workspace=workspace, is_archived=True)
    assert edit_workspace(by=cast.sam, workspace=workspace, purpose="Checks").purpose == "Checks"


@pytest.mark.parametrize("name", ["ada", "ben", "cat", "dan"])
def test_nobody_else_does_what_staff_do(
    cast: SimpleNamespace, project: Project, workspace: Workspace, org: Organisation, name: str
) -> None:
    by = getattr(cast, name)
    for verb in (
        lambda: actions.edit_organisation(by=by, org=org, name="X", slug="x"),
        lambda: actions.edit_project_details(by=by, project=project, **details(project)),
        lambda: actions.add_members(by=by, project=project, users=[by]),
        lambda: data_permissions.add(by=by, project=project, kind="dataset", value="ukrr"),
        lambda: data_permissions.remove(by=by, project=project, kind="dataset", value="ukrr"),
        lambda: move_workspace(by=by, workspace=workspace, project=project),
    ):
        with pytest.raises(Denied):
            verb()
