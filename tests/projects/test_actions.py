import json
import threading
from types import SimpleNamespace

import pytest

from jobsite.accounts.actions import deactivate
from jobsite.accounts.models import User
from jobsite.core.db import close_database
from jobsite.core.errors import Conflict, Denied, Invalid
from jobsite.core.events import Event, verify
from jobsite.projects import actions, queries, workspaces
from jobsite.projects.models import Organisation, Project, ProjectMembership, Repo, Workspace


def last_event() -> Event:
    return Event.select().order_by(Event.id.desc()).first()


def test_an_organisation_gets_its_slug_from_its_name(cast: SimpleNamespace) -> None:
    made = actions.add_organisation(by=cast.sam, name=" Café Nord ", description="By the sea.")
    assert (made.name, made.slug, made.created_by) == ("Café Nord", "cafe-nord", "sam")
    assert (last_event().type, last_event().by, last_event().subject) == ("org:added", "sam", "org:cafe-nord")


def test_names_and_slugs_of_organisations_are_unique_ignoring_case(
    cast: SimpleNamespace, org: Organisation
) -> None:
    with pytest.raises(Invalid) as taken:
        actions.add_organisation(by=cast.sam, name="UNIVERSITY OF NORTHFIELD")
    assert taken.value.fields == {
        "name": "There is already an organisation UNIVERSITY OF NORTHFIELD.",
        "slug": "The slug university-of-northfield is taken: give another.",
    }
    with pytest.raises(Invalid, match="give a slug"):
        actions.add_organisation(by=cast.sam, name="研究")
    assert actions.add_organisation(by=cast.sam, name="研究", slug="kenkyu").slug == "kenkyu"


def test_the_first_organisation_of_a_project_leads_it(cast: SimpleNamespace, org: Organisation) -> None:
    other = actions.add_organisation(by="system", name="Harbour Trust")
    made = actions.add_project(by=cast.sam, name="Air", orgs=[other, org], number="12")
    assert [(row.org.name, row.is_lead) for row in made.collaborations] == [
        ("Harbour Trust", True),
        ("University of Northfield", False),
    ]
    assert made.title == "12 - Air"
    assert json.loads(last_event().data)["orgs"] == ["harbour-trust", "university-of-northfield"]


def test_a_project_is_refused_with_every_field_that_is_wrong(cast: SimpleNamespace, project: Project) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.add_project(by=cast.sam, name="air", orgs=[], number="POS-2026-2014")
    assert set(refusal.value.fields) == {"name", "slug", "number", "org", "copilot"}
    assert Project.select().count() == 1


@pytest.mark.parametrize("name", ["ada", "ben", "cat", "pat", "dan"])
def test_only_staff_make_organisations_projects_and_members(
    cast: SimpleNamespace, project: Project, org: Organisation, name: str
) -> None:
    by = getattr(cast, name)
    before = Event.select().count()
    for wish in (
        lambda: actions.add_organisation(by=by, name="Mine"),
        lambda: actions.add_project(by=by, name="Mine", orgs=[org]),
        lambda: actions.add_member(by=by, project=project, user=cast.dan, roles=["ProjectDeveloper"]),
        lambda: actions.set_member_roles(by=by, project=project, user=cast.ben, roles=["ProjectDeveloper"]),
        lambda: actions.remove_member(by=by, project=project, user=cast.ada),
        lambda: actions.add_org_member(by=by, org=org, user=cast.dan),
        lambda: actions.remove_org_member(by=by, org=org, user=cast.dan),
    ):
        with pytest.raises(Denied, match="Only staff"):
            wish()
    assert Event.select().count() == before


def test_roles_in_a_project_count_there_and_nowhere_else(
    cast: SimpleNamespace, project: Project, org: Organisation
) -> None:
    other = actions.add_project(by="system", name="Other", orgs=[org])
    assert "job_run" in queries.permissions_in(cast.ada, project)
    assert "job_run" not in queries.permissions_in(cast.ada, other)
    assert queries.permissions_in(cast.ben, project) == {"release_file_view"}
    assert queries.permissions_in(cast.dan, project) == frozenset()
    assert "release_file_upload" in queries.permissions_in(cast.cat, other)


def test_a_role_taken_away_is_gone_at_once(cast: SimpleNamespace, project: Project) -> None:
    actions.set_member_roles(by=cast.sam, project=project, user=cast.ada, roles=["ProjectCollaborator"])
    assert queries.permissions_in(cast.ada, project) == {"release_file_view"}
    assert json.loads(last_event().data) == {
        "user": "ada",
        "before": ["ProjectDeveloper"],
        "after": ["ProjectCollaborator"],
    }
    actions.remove_member(by=cast.sam, project=project, user=cast.ada)
    assert queries.permissions_in(cast.ada, project) == frozenset()
    assert last_event().type == "member:removed"


def test_a_deactivated_person_may_nothing(cast: SimpleNamespace, project: Project) -> None:
    deactivate(by=cast.sam, user=cast.ada)
    assert queries.permissions_in(User.get_by_id(cast.ada.id), project) == frozenset()


def test_a_role_in_the_table_that_is_no_role_any_more_grants_nothing_and_breaks_nothing(
    cast: SimpleNamespace, project: Project
) -> None:
    ProjectMembership.update(roles=["Wizard", "ProjectCollaborator"]).where(
        ProjectMembership.user == cast.ben
    ).execute()
    assert queries.permissions_in(cast.ben, project) == {"release_file_view"}


def test_only_roles_of_projects_are_given_in_projects(cast: SimpleNamespace, project: Project) -> None:
    for role in ("OutputChecker", "Wizard"):
        with pytest.raises(Invalid, match=role):
            actions.add_member(by=cast.sam, project=project, user=cast.dan, roles=[role])
    assert not ProjectMembership.select().where(ProjectMembership.user == cast.dan).exists()


def test_somebody_is_a_member_once_and_only_a_member_can_be_changed(
    cast: SimpleNamespace, project: Project
) -> None:
    with pytest.raises(Conflict, match="ada is already a member of Air"):
        actions.add_member(by=cast.sam, project=project, user=cast.ada)
    for verb in (actions.remove_member, lambda **who: actions.set_member_roles(roles=[], **who)):
        with pytest.raises(Conflict, match="dan is not a member of Air"):
            verb(by=cast.sam, project=project, user=cast.dan)


def test_an_organisation_has_members_once(cast: SimpleNamespace, org: Organisation) -> None:
    actions.add_org_member(by=cast.sam, org=org, user=cast.ada)
    with pytest.raises(Conflict, match="already belongs"):
        actions.add_org_member(by=cast.sam, org=org, user=cast.ada)
    actions.remove_org_member(by=cast.sam, org=org, user=cast.ada)
    with pytest.raises(Conflict, match="does not belong"):
        actions.remove_org_member(by=cast.sam, org=org, user=cast.ada)


def test_a_developer_edits_the_status_and_others_do_not(cast: SimpleNamespace, project: Project) -> None:
    edited = actions.edit_project(by=cast.ada, project=project, status="retired", description=" Why\r\nso ")
    assert (edited.status, edited.status_description, edited.updated_by) == ("retired", "Why\nso", "ada")
    assert json.loads(last_event().data) == {"before": "ongoing", "after": "retired", "described": True}
    for by in (cast.ben, cast.dan, cast.sam):
        with pytest.raises(Denied, match="Project Developer"):
            actions.edit_project(by=by, project=project, status="ongoing", description="")
    with pytest.raises(Invalid) as refusal:
        actions.edit_project(by=cast.ada, project=project, status="done", description="\x00")
    assert set(refusal.value.fields) == {"status", "status_description"}


def test_a_workspace_is_one_branch_of_one_repository(cast: SimpleNamespace, project: Project, study) -> None:
    made = workspaces.create_workspace(
        by=cast.ada,
        project=project,
        name=" Asthma-Main ",
        repo=study.url + "/",
        branch="main",
        purpose=" All\r\njobs ",
    )
    assert (made.name, made.repo.url, made.branch, made.purpose) == (
        "asthma-main",
        study.url,
        "main",
        "All\njobs",
    )
    assert not made.is_archived and not made.should_notify
    assert (last_event().type, last_event().subject) == ("workspace:created", "workspace:asthma-main")
    assert verify()[1] is None


def test_a_workspace_is_refused_with_every_field_that_is_wrong(
    cast: SimpleNamespace, project: Project
) -> None:
    with pytest.raises(Invalid) as refusal:
        workspaces.create_workspace(
            by=cast.ada, project=project, name="staff", repo="x", branch=" ", purpose="\x00"
        )
    assert set(refusal.value.fields) == {"name", "repo", "branch", "purpose"}
    assert not Workspace.select().exists() and not Repo.select().exists()


@pytest.mark.parametrize("branch", ["B", "--upload-pack=x", "-x", "main~1"])
def test_a_workspace_needs_a_branch_that_is_there(
    cast: SimpleNamespace, project: Project, study, branch: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        workspaces.create_workspace(by=cast.ada, project=project, name="a", repo=study.url, branch=branch)
    assert refusal.value.fields == {"branch": f"Missing branch: '{branch}'"}


def test_a_name_is_taken_on_the_whole_site(
    cast: SimpleNamespace, workspace: Workspace, org: Organisation, study
) -> None:
    other = actions.add_project(by="system", name="Other", orgs=[org])
    with pytest.raises(Invalid, match="There is already a workspace asthma"):
        workspaces.create_workspace(by="system", project=other, name="ASTHMA", repo=study.url, branch="main")


@pytest.mark.parametrize("name", ["ben", "cat", "pat", "dan"])
def test_only_a_developer_makes_and_changes_workspaces(
    cast: SimpleNamespace, project: Project, workspace: Workspace, study, name: str
) -> None:
    by = getattr(cast, name)
    for wish in (
        lambda: workspaces.create_workspace(by=by, project=project, name="x", repo=study.url, branch="main"),
        lambda: workspaces.edit_workspace(by=by, workspace=workspace, purpose="x"),
        lambda: workspaces.set_archived(by=by, workspace=workspace, is_archived=True),
        lambda: workspaces.set_notifications(by=by, workspace=workspace, should_notify=True),
    ):
        with pytest.raises(Denied, match="Project Developer"):
            wish()
    assert Workspace.select().count() == 1


def test_a_workspace_is_archived_and_brought_back_once_each(
    cast: SimpleNamespace, workspace: Workspace
) -> None:
    for is_archived, event in ((True, "workspace:archived"), (False, "workspace:unarchived")):
        workspaces.set_archived(by=cast.ada, workspace=workspace, is_archived=is_archived)
        assert Workspace.get().is_archived is is_archived
        assert last_event().type == event
        with pytest.raises(Conflict, match="already"):
            workspaces.set_archived(by=cast.ada, workspace=workspace, is_archived=is_archived)


def test_of_two_who_archive_at_once_one_is_told_so(cast: SimpleNamespace, workspace: Workspace) -> None:
    outcomes = []

    def archive() -> None:
        try:
            workspaces.set_archived(by=cast.ada, workspace=workspace, is_archived=True)
            outcomes.append("done")
        except Conflict:
            outcomes.append("too late")
        finally:
            close_database()

    threads = [threading.Thread(target=archive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "too late", "too late", "too late"]
    assert Event.select().where(Event.type == "workspace:archived").count() == 1


def test_notifications_and_purpose_are_changed_with_an_event_each(
    cast: SimpleNamespace, workspace: Workspace
) -> None:
    workspaces.set_notifications(by=cast.ada, workspace=workspace, should_notify=True)
    assert Workspace.get().should_notify and last_event().type == "workspace:notifications"
    assert workspaces.edit_workspace(by=cast.ada, workspace=workspace, purpose="Main").purpose == "Main"
    assert last_event().type == "workspace:edited"


def test_what_was_heard_of_a_repository_is_kept_when_it_cannot_be_reached(
    cast: SimpleNamespace, workspace: Workspace, study
) -> None:
    study.path.rename(study.path.with_name("gone"))
    known = workspaces.ask_branches(by=cast.ada, repo=study.url)
    assert known.branches == ["main"]
    assert "There is no git repository" in known.problem
    study.path.with_name("gone").rename(study.path)
    study.git("branch", "dev")
    known = workspaces.ask_branches(by=cast.ada, repo=study.url)
    assert (known.branches, known.problem) == (["main", "dev"], "")
    assert Repo.select().count() == 1
