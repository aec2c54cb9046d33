import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from jobsite.accounts.actions import deactivate
from jobsite.cli import main
from jobsite.projects.models import Organisation, Project, ProjectMembership, Workspace
from jobsite.projects.queries import permissions_in
from jobsite.settings import Settings


@pytest.fixture
def jobsite(settings: Settings, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    """`jobsite("org", "add", "Name")`: the command on this test's instance."""
    monkeypatch.setenv("JOBSITE_ALLOWED_REPOS", " ".join(settings.allowed_repos))

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--instance", str(settings.instance)])

    return run


def test_from_nothing_to_a_workspace_by_commands_alone(jobsite, cast, study) -> None:
    assert jobsite("org", "add", "University of Northfield").output == "university-of-northfield\n"
    made = jobsite(
        "project", "add", "Air quality", "--org", "university-of-northfield", "--number", "POS-2026-2014"
    )
    assert (made.exit_code, made.output) == (0, "air-quality\n")
    assert jobsite("member", "add", "air-quality", "ada", "--role", "ProjectDeveloper").exit_code == 0
    added = jobsite(
        "workspace", "add", "Asthma", "--project", "air-quality", "--repo", study.url, "--branch", "main",
        "--purpose", "All jobs", "--by", "ada", "--json",
    )  # fmt: skip
    assert added.exit_code == 0, added.stderr
    facts = json.loads(added.output)
    assert (facts["name"], facts["project"], facts["repo"], facts["branch"]) == (
        "asthma",
        "air-quality",
        study.url,
        "main",
    )
    assert (facts["purpose"], facts["created_by"], facts["is_archived"]) == ("All jobs", "ada", False)
    assert json.loads(jobsite("workspace", "list", "--json").output) == [facts]
    assert "asthma" in jobsite("workspace", "list").output
    assert json.loads(jobsite("project", "list", "--json").output) == [
        {
            "slug": "air-quality",
            "name": "Air quality",
            "number": "POS-2026-2014",
            "status": "ongoing",
            "org": "university-of-northfield",
        }
    ]
    assert "air-quality" in jobsite("project", "list").output
    assert Workspace.get().created_by == "ada"


def test_adding_a_member_again_adds_the_role_and_removing_takes_all(jobsite, cast, project: Project) -> None:
    assert jobsite("member", "add", "air", "BEN", "--role", "ProjectDeveloper").exit_code == 0
    assert "job_run" in permissions_in(cast.ben, project) and "release_file_view" in permissions_in(
        cast.ben, project
    )
    listed = json.loads(jobsite("member", "list", "air", "--json").output)
    assert listed[1] == {
        "username": "ben",
        "name": "Ben Brandt",
        "roles": ["ProjectCollaborator", "ProjectDeveloper"],
    }
    assert "ProjectDeveloper" in jobsite("member", "list", "air").output
    assert jobsite("member", "remove", "air", "ben").exit_code == 0
    assert not ProjectMembership.select().where(ProjectMembership.user == cast.ben).exists()


def test_an_organisation_gets_and_loses_members(jobsite, org: Organisation) -> None:
    assert jobsite("org", "add-member", org.slug, "ada").exit_code == 0
    assert jobsite("org", "add-member", org.slug, "ada").exit_code == 1
    assert jobsite("org", "remove-member", org.slug, "ada").exit_code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["org", "add", "University of Northfield"], "There is already an organisation"),
        (["org", "add", " "], "Give the organisation a name."),
        (["project", "add", "X", "--org", "nothing"], "There is no organisation nothing."),
        (["project", "add", "X", "--org", "university-of-northfield", "--number", "007"], "A project number is digits"),
        (["member", "add", "nothing", "ada", "--role", "ProjectDeveloper"], "There is no project nothing."),
        (["member", "add", "air", "eve", "--role", "ProjectDeveloper"], "There is no user eve."),
        (["member", "add", "air", "dan", "--role", "Wizard"], "There is no role 'Wizard'."),
        (["member", "add", "air", "dan", "--role", "OutputChecker"], "OutputChecker is given for the whole site"),
        (["member", "remove", "air", "dan"], "dan is not a member of Air."),
        (["workspace", "add", "x", "--project", "air", "--repo", "REPO", "--branch", "B", "--by", "ada"], "Missing branch: 'B'"),
        (["workspace", "add", "api", "--project", "air", "--repo", "REPO", "--branch", "main", "--by", "ada"], "another page"),
        (["workspace", "add", "x", "--project", "air", "--repo", "/etc", "--branch", "main", "--by", "ada"], "may not be used"),
        (["workspace", "add", "x", "--project", "air", "--repo", "REPO", "--branch", "main", "--by", "ben"], "Project Developer"),
        (["workspace", "add", "x", "--project", "no", "--repo", "REPO", "--branch", "main", "--by", "ada"], "no project no"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence_and_exit_status_1(
    jobsite, project: Project, study, words: list[str], sentence: str
) -> None:
    refused = jobsite(*(study.url if word == "REPO" else word for word in words))
    assert refused.exit_code == 1
    assert sentence in refused.stderr and refused.stdout == ""
    assert "Traceback" not in refused.stderr


def test_nobody_acts_in_the_name_of_somebody_deactivated(jobsite, cast, project: Project, study) -> None:
    deactivate(by="system", user=cast.ada)
    refused = jobsite(
        "workspace", "add", "x", "--project", "air", "--repo", study.url, "--branch", "main", "--by", "ada"
    )
    assert refused.exit_code == 1 and "ada has been deactivated" in refused.stderr


def test_data_permissions_are_given_and_taken_by_command(jobsite, project: Project) -> None:
    given = jobsite("project", "permit", "air", "dataset", "ukrr", "--reason", "Approved in May")
    assert (given.exit_code, given.output) == (0, "Air may use ukrr.\n")
    assert [one.reason for one in project.data_permissions] == ["Approved in May"]
    assert jobsite("project", "permit", "air", "dataset", "ukrr").exit_code == 1
    assert jobsite("project", "permit", "air", "dataset", "nothing").exit_code == 1
    assert jobsite("project", "forbid", "air", "dataset", "ukrr").exit_code == 0
    assert list(project.data_permissions) == []
