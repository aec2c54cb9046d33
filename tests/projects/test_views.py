import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend
from jobsite.core.clock import now
from jobsite.core.events import Event
from jobsite.projects import actions, workspaces
from jobsite.projects.models import Organisation, Project, Repo, Workspace
from jobsite.settings import Settings

SignIn = Callable[[FlaskClient, str], FlaskClient]

VISITOR, STRANGER, COLLABORATOR, DEVELOPER, STAFF = None, "dan", "ben", "ada", "sam"
EVERYBODY = (VISITOR, STRANGER, COLLABORATOR, DEVELOPER, STAFF)

# What each page answers to the visitor, dan, ben, ada and sam.
PAGES = {
    "/": (200, 200, 200, 200, 200),
    "/projects/": (200, 200, 200, 200, 200),
    "/projects/?q=air&page=7": (200, 200, 200, 200, 200),
    "/projects/air/": (200, 200, 200, 200, 200),
    "/projects/nothing/": (404, 404, 404, 404, 404),
    "/projects/air/edit/": (302, 403, 403, 200, 403),
    "/projects/nothing/edit/": (302, 404, 404, 404, 404),
    "/projects/air/new-workspace/": (302, 404, 404, 200, 404),
    "/workspaces/": (302, 200, 200, 200, 200),
    "/workspaces/new/": (302, 200, 200, 200, 200),
    "/asthma/": (200, 200, 200, 200, 200),
    "/nothing/": (404, 404, 404, 404, 404),
    "/asthma/edit/": (302, 403, 403, 200, 403),
    "/nothing/edit/": (302, 404, 404, 404, 404),
    "/orgs/": (302, 200, 200, 200, 200),
    "/organisations/": (200, 200, 200, 200, 200),
    "/orgs/university-of-northfield/": (200, 200, 200, 200, 200),
    "/orgs/nothing/": (404, 404, 404, 404, 404),
    "/health-check/": (200, 200, 200, 200, 200),
}
POSTS = {
    "/projects/air/edit/": ({"status": "ongoing", "status_description": "x"}, (302, 403, 403, 303, 403)),
    "/projects/air/new-workspace/": ({"step": "branches", "repo": "REPO"}, (302, 404, 404, 200, 404)),
    "/asthma/edit/": ({"purpose": "x"}, (302, 403, 403, 303, 403)),
    "/asthma/archive-toggle/": ({"is_archived": "True"}, (302, 403, 403, 303, 403)),
    "/asthma/notifications-toggle/": ({"should_notify": "True"}, (302, 403, 403, 303, 403)),
    "/asthma/refresh/": ({}, (302, 403, 403, 303, 403)),
    "/nothing/archive-toggle/": ({"is_archived": "True"}, (302, 404, 404, 404, 404)),
}


@pytest.fixture
def as_(app: Flask, sign_in: SignIn, cast: SimpleNamespace) -> Callable[[str | None], FlaskClient]:
    """`as_("ada")`: a client in which ada is logged in; `as_(None)`: a visitor's."""

    def who(name: str | None) -> FlaskClient:
        client = app.test_client()
        return sign_in(client, name) if name else client

    return who


def send(client: FlaskClient, path: str, data: dict[str, str], **kwargs: Any):
    """POST with the CSRF field of this client's session."""
    token = re.search(
        r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/settings/", follow_redirects=True).text
    )
    return client.post(path, data={**data, "csrf_token": token[1]}, **kwargs)


@pytest.mark.parametrize("who", range(5), ids=["visitor", "dan", "ben", "ada", "sam"])
def test_who_may_see_which_page(as_, workspace: Workspace, who: int) -> None:
    client = as_(EVERYBODY[who])
    answers = {path: client.get(path).status_code for path in PAGES}
    assert answers == {path: statuses[who] for path, statuses in PAGES.items()}


@pytest.mark.parametrize("who", range(5), ids=["visitor", "dan", "ben", "ada", "sam"])
def test_who_may_send_which_form(as_, workspace: Workspace, study, who: int) -> None:
    client = as_(EVERYBODY[who])
    before = Event.select().count()
    for path, (fields, statuses) in POSTS.items():
        fields = {name: study.url if text == "REPO" else text for name, text in fields.items()}
        response = send(client, path, fields)
        assert response.status_code == statuses[who], path
    if EVERYBODY[who] != DEVELOPER:
        assert Event.select().count() == before


def test_no_form_is_taken_without_its_token(as_, workspace: Workspace) -> None:
    client = as_(DEVELOPER)
    for path, (fields, _) in POSTS.items():
        assert client.post(path, data=fields).status_code == 400
    assert Workspace.get().is_archived is False


def test_a_visitor_goes_to_the_login_and_comes_back(as_, workspace: Workspace) -> None:
    response = as_(VISITOR).get("/asthma/edit/")
    assert response.headers["Location"] == "/login/?next=/asthma/edit/"


def test_a_refusal_says_why_and_who_can_help(as_, workspace: Workspace) -> None:
    client = as_(COLLABORATOR)
    for path in ("/asthma/edit/", "/projects/air/edit/", "/projects/air/new-workspace/"):
        assert (
            "you need the role Project Developer in this project. Staff can give it to you."
            in client.get(path).text
        )


def test_a_page_asks_few_queries_however_many_rows_it_has(
    as_, cast, workspace: Workspace, org: Organisation, study, queries
) -> None:
    client = as_(DEVELOPER)
    few = {path: asked_by(client, path.replace("REPO", study.url), queries) for path in LISTS}
    for number in range(30):
        more = actions.add_project(by="system", name=f"More {number}", orgs=[org], number=str(number + 1))
        actions.add_member(by="system", project=more, user=cast.ada, roles=["ProjectDeveloper"])
        actions.add_organisation(by="system", name=f"Org {number}")
        Workspace.create(name=f"w{number}", project=workspace.project, repo=workspace.repo, branch="main",
                         created_by="ada", updated_by="ada")  # fmt: skip
    actions.add_member(by="system", project=workspace.project, user=cast.dan, roles=["ProjectCollaborator"])
    for path in LISTS:
        many = asked_by(client, path.replace("REPO", study.url), queries)
        assert len(many) == len(few[path]), path
        assert len(many) <= 10, "\n".join([path, *many])


LISTS = ("/", "/users/", "/users/ada/", "/users/ada/logs/", "/orgs/university-of-northfield/logs/", "/projects/", "/projects/air/", "/workspaces/", "/workspaces/new/", "/asthma/", "/asthma/edit/",
         "/projects/air/edit/", "/projects/air/new-workspace/?repo=REPO", "/organisations/", "/orgs/",
         "/orgs/university-of-northfield/")  # fmt: skip


def asked_by(client, path: str, queries) -> list[str]:
    """The queries of a page that has been asked for before."""
    client.get(path)
    with queries() as asked:
        assert client.get(path).status_code == 200, path
    return asked


def test_looking_writes_nothing(as_, workspace: Workspace, queries) -> None:
    client = as_(DEVELOPER)
    client.get("/")
    with queries() as seen:
        for path in PAGES:
            client.get(path)
    assert [sql for sql in seen if re.search(r"\b(INSERT|UPDATE|DELETE)\b", sql)] == []


def test_home_says_what_the_site_is_to_a_visitor_and_what_is_theirs_to_others(
    as_, workspace: Workspace
) -> None:
    visitor, ada = as_(VISITOR).get("/").text, as_(DEVELOPER).get("/").text
    assert "<h1>Run your study where its data are</h1>" in visitor and "asthma" not in visitor
    assert "<h1>Your work</h1>" in ada and "Create a new workspace" in ada
    assert 'href="/asthma/"' in ada and "1 workspace</a>" in ada and "1 project</a>" in ada
    assert "You belong to no project yet" in as_(STRANGER).get("/").text


def test_only_the_workspaces_of_ones_projects_are_ones_own(
    as_, cast, workspace: Workspace, org: Organisation
) -> None:
    other = actions.add_project(by="system", name="Other", orgs=[org])
    actions.add_member(by="system", project=other, user=cast.dan, roles=["ProjectDeveloper"])
    for path in ("/", "/workspaces/"):
        assert 'href="/asthma/"' not in as_(STRANGER).get(path).text
        assert 'href="/asthma/"' in as_(COLLABORATOR).get(path).text


def test_projects_are_found_by_name_number_and_organisation(as_, project: Project, org: Organisation) -> None:
    other = actions.add_organisation(by="system", name="Harbour Trust")
    actions.add_project(by="system", name="Winter 100% pressures", orgs=[other], number="42")
    client = as_(VISITOR)
    for words, found in {
        "winter": "Winter", "HARBOUR": "Winter", "42": "Winter", "100%": "Winter", "trust winter": "Winter",
        "2026-2014": "Air", "northfield": "Air",
    }.items():  # fmt: skip
        page = client.get("/projects/", query_string={"q": words}).text
        assert [name for name in ("Winter", "Air") if f">{name}" in page] == [found], words
    for words in ("nothing", "%", "_", "winter northfield", "'; --", "\x00", "x" * 5000, "a " * 3000):
        page = client.get("/projects/", query_string={"q": words})
        assert page.status_code == 200
    assert "No project has these words" in client.get("/projects/?q=nothing").text


def test_numbered_projects_come_first_newest_first(as_, org: Organisation) -> None:
    for name, number in (
        ("b", ""),
        ("A", ""),
        ("two", "2"),
        ("ten", "10"),
        ("old", "POS-2024-9000"),
        ("new", "POS-2026-1000"),
    ):
        actions.add_project(by="system", name=name, orgs=[org], number=number)
    listed = re.findall(r'href="/projects/([a-z]+)/"', as_(VISITOR).get("/projects/").text)
    assert listed == ["new", "old", "ten", "two", "a", "b"]


def test_a_long_list_is_paged_and_keeps_its_search(as_, org: Organisation) -> None:
    for number in range(30):
        actions.add_project(by="system", name=f"Study {number:02}", orgs=[org])
    client = as_(VISITOR)
    first, second = client.get("/projects/?q=study").text, client.get("/projects/?q=study&page=2").text
    assert "1 to 25 of 30 projects" in first and "q=study&amp;page=2" in first
    assert "26 to 30 of 30 projects" in second and "Study 29" in second
    for odd in ("0", "-1", "x", "999999999999999999999", ""):
        assert client.get(f"/projects/?q=study&page={odd}").status_code == 200


def test_names_are_for_all_and_roles_and_status_for_members_and_staff(as_, cast, project: Project) -> None:
    actions.edit_project(by=cast.ada, project=project, status="postponed", description="Waiting for **data**")
    for who in (VISITOR, STRANGER):
        page = as_(who).get("/projects/air/").text
        assert "Ada Adewale" in page and "Ben Brandt" in page
        assert "Project Developer" not in page and "Postponed" not in page and "Waiting for" not in page
    for who in (COLLABORATOR, DEVELOPER, STAFF):
        page = as_(who).get("/projects/air/").text
        assert "Project Developer" in page and "May run jobs;" in page
        assert "Postponed" in page and "Waiting for <strong>data</strong>" in page


def test_a_member_without_the_role_sees_why_a_button_does_nothing(as_, workspace: Workspace) -> None:
    page = as_(COLLABORATOR).get("/projects/air/").text
    for name in ("create", "edit"):
        assert re.search(rf'<button[^>]*aria-disabled="true" aria-describedby="why-{name}"', page)
        assert f'id="why-{name}"' in page
    page = as_(COLLABORATOR).get("/asthma/").text
    assert "You do not have permission to run jobs on this workspace" in page
    assert "Run Jobs" not in as_(STRANGER).get("/asthma/").text


def test_run_jobs_needs_a_backend_and_an_active_workspace(as_, cast, workspace: Workspace) -> None:
    client = as_(DEVELOPER)
    assert "You do not have permission to run jobs on any backend" in client.get("/asthma/").text
    add_backend(by="system", slug="local", name="Local")
    assert 'href="/asthma/run-jobs/"' in client.get("/asthma/").text
    workspaces.set_archived(by=cast.ada, workspace=workspace, is_archived=True)
    page = client.get("/asthma/").text
    assert "Jobs cannot be run on an archived workspace" in page and 'href="/asthma/run-jobs/"' not in page


def test_picking_a_project_tells_where_no_workspace_can_be_made(as_, workspace: Workspace) -> None:
    assert 'href="/projects/air/new-workspace/"' in as_(DEVELOPER).get("/workspaces/new/").text
    page = as_(COLLABORATOR).get("/workspaces/new/").text
    assert 'href="/projects/air/new-workspace/"' not in page and "you need the role Project Developer" in page


def test_a_workspace_is_made_in_two_steps_without_script(as_, project: Project, study) -> None:
    study.git("branch", "dev")
    client = as_(DEVELOPER)
    asked = send(
        client,
        "/projects/air/new-workspace/",
        {"name": "x1", "repo": study.url, "purpose": "P", "step": "branches"},
    )
    assert asked.status_code == 200
    assert '<option selected value="main">main</option><option value="dev">dev</option>' in re.sub(
        r"\s*\n\s*", "", asked.text
    )
    assert 'value="x1"' in asked.text and ">P</textarea>" in re.sub(r"\s", "", asked.text)
    made = send(
        client,
        "/projects/air/new-workspace/",
        {"name": "X1", "repo": study.url, "branch": "dev", "purpose": "P"},
    )
    assert (made.status_code, made.headers["Location"]) == (303, "/x1/")
    assert Workspace.get().branch == "dev"
    assert "The workspace x1 has been created." in client.get("/x1/").text


def test_htmx_gets_the_branches_alone_and_they_are_part_of_the_page(as_, project: Project, study) -> None:
    client = as_(DEVELOPER)
    fields = {"name": "x1", "repo": study.url, "step": "branches"}
    whole = send(client, "/projects/air/new-workspace/", fields).text
    part = send(
        client,
        "/projects/air/new-workspace/",
        fields,
        headers={"HX-Request": "true", "HX-Target": "branches"},
    )
    assert part.text.strip().startswith('<div class="field" id="branches">')
    assert "main" in part.text and "<h1>" not in part.text and "<h1>" in whole
    refused = send(client, "/projects/air/new-workspace/", {**fields, "repo": "https://evil.example/a/b"},
                   headers={"HX-Request": "true", "HX-Target": "branches"})  # fmt: skip
    assert (
        refused.status_code == 422 and "may not be used here" in refused.text and "main" not in refused.text
    )


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"name": ""}, "name", "Give the workspace a name."),
        (
            {"name": "two words"},
            "name",
            "A workspace name has only letters a-z, digits, hyphens and underscores.",
        ),
        ({"name": "staff"}, "name", "“staff” is the address of another page: choose another name."),
        ({"name": "2026"}, "name", "A workspace name cannot be only digits"),
        ({"name": "asthma"}, "name", "There is already a workspace asthma: choose another name."),
        ({"name": '"><script>alert(1)</script>'}, "name", "A workspace name has only"),
        ({"repo": ""}, "repo", "Give the address of the repository."),
        ({"repo": "ext::sh -c x"}, "repo", "This is no address of a repository"),
        ({"repo": "https://me:pw@github.com/a/b"}, "repo", "must not contain a user name, password or token"),
        ({"repo": "/etc"}, "repo", "Repositories at this path may not be used here."),
        ({"branch": ""}, "branch", "Choose the branch to run."),
        ({"branch": "B"}, "branch", "Missing branch: &#39;B&#39;"),
        ({"branch": "--upload-pack=x"}, "branch", "Missing branch: &#39;--upload-pack=x&#39;"),
        ({"purpose": "a\x00b"}, "purpose", "The text contains control characters."),
        ({"purpose": "x" * 5001}, "purpose", "The text is too long: 5001 characters, at most 5000."),
    ],
)
def test_a_refused_workspace_answers_422_at_the_field_and_repeats_what_was_typed(
    as_, workspace: Workspace, study, fields: dict[str, str], field: str, sentence: str
) -> None:
    typed = {"name": "fresh", "repo": study.url, "branch": "main", "purpose": "Typed before"} | fields
    response = send(as_(DEVELOPER), "/projects/air/new-workspace/", typed)
    assert response.status_code == 422
    summary = response.text[response.text.index('class="error-summary"') :]
    assert sentence in summary and f'href="#{field}"' in summary
    for text in (one for one in typed.values() if one and one.isprintable()):
        assert text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;") in response.text
    assert "<script>alert(1)" not in response.text
    assert Workspace.select().count() == 1


def test_a_form_without_any_field_is_refused_with_sentences(as_, workspace: Workspace) -> None:
    client = as_(DEVELOPER)
    for path in (
        "/projects/air/new-workspace/",
        "/projects/air/edit/",
        "/asthma/archive-toggle/",
        "/asthma/notifications-toggle/",
    ):
        assert send(client, path, {}).status_code == 422, path
    assert send(client, "/asthma/archive-toggle/", {"is_archived": "perhaps"}).status_code == 422


def test_where_an_organisation_is_asked_for_the_page_says_whom_to_ask(
    as_, cast, project: Project, org: Organisation, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_(DEVELOPER)
    monkeypatch.setitem(settings.__dict__, "github_client_id", "x")
    page = client.get("/projects/air/new-workspace/").text
    assert "You belong to no organisation yet. Ask staff to add you to yours." in page
    assert 'name="repo"' not in page
    actions.add_org_member(by="system", org=org, user=cast.ada)
    assert 'name="repo"' in client.get("/projects/air/new-workspace/").text
    assert "University of Northfield" in client.get("/orgs/").text


def test_the_only_repository_of_a_project_is_filled_in_with_its_branches(as_, workspace: Workspace) -> None:
    form = as_(DEVELOPER).get("/projects/air/new-workspace/").text
    assert f'name="repo" spellcheck="false" type="text" value="{workspace.repo.url}"' in form
    assert '<option selected value="main">main</option>' in form


def test_a_repository_that_cannot_be_reached_is_not_told_to_have_no_branch(
    as_, project: Project, study
) -> None:
    client = as_(DEVELOPER)
    typed = {"name": "asthma", "repo": study.url, "branch": ""}
    Repo.create(url=typed["repo"], branches=[], problem="It could not be reached.", checked_at=now())
    response = send(client, "/projects/air/new-workspace/", typed)
    assert response.status_code == 422
    assert "It could not be reached." in response.text and "has no branch yet" not in response.text


def test_who_may_not_see_a_page_reads_whom_to_ask(as_, workspace: Workspace) -> None:
    told = "ask a person who manages the project, or staff"
    refused = as_("dan").get("/asthma/run-jobs/")
    assert refused.status_code == 404 and told in refused.text
    assert "only after logging in" not in refused.text
    assert "only after logging in" in as_(VISITOR).get("/nothing/").text


def test_the_status_is_chosen_from_a_list_as_stored(as_, project: Project) -> None:
    client = as_(DEVELOPER)
    send(client, "/projects/air/edit/", {"status": "retired", "status_description": "Reported"})
    form = client.get("/projects/air/edit/").text
    assert "<select" in form and '<option selected value="retired">Retired</option>' in form


def test_the_status_is_edited_with_help_for_each_and_a_preview(as_, project: Project) -> None:
    client = as_(DEVELOPER)
    form = client.get("/projects/air/edit/").text
    assert "Say when papers or reports are expected." in form and 'value="ongoing"' in form
    fields = {"status": "completed-and-awaiting", "status_description": "In **spring** <script>x</script>"}
    seen = send(client, "/projects/air/edit/", {**fields, "preview": "1"})
    assert (
        seen.status_code == 200 and "In <strong>spring</strong>" in seen.text and "<script>x" not in seen.text
    )
    assert Project.get().status == "ongoing"
    assert send(client, "/projects/air/edit/", fields).headers["Location"] == "/projects/air/"
    page = client.get("/projects/air/").text
    assert "Completed - awaiting paper/reports" in page and "In <strong>spring</strong>" in page
    assert "<script>x" not in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"status": "done"}, "Choose a status from the list."),
        ({"status": ""}, "Choose a status from the list."),
        ({"status_description": "x" * 20_001}, "The text is too long"),
        ({"status_description": "[" * 401}, "The text has too many brackets"),
        ({"status_description": "[" * 401, "preview": "1"}, "The text has too many brackets"),
    ],
)
def test_a_refused_status_answers_422_and_repeats_what_was_typed(
    as_, project: Project, fields, sentence: str
) -> None:
    typed = {"status": "retired", "status_description": "Typed before"} | fields
    response = send(as_(DEVELOPER), "/projects/air/edit/", typed)
    assert response.status_code == 422 and sentence in response.text
    assert typed["status_description"] in response.text
    assert Project.get().status == "ongoing"


def test_editing_a_project_lists_the_workspaces_without_a_purpose(as_, cast, workspace: Workspace) -> None:
    client = as_(DEVELOPER)
    assert 'href="/asthma/edit/"' in client.get("/projects/air/edit/").text
    send(client, "/asthma/edit/", {"purpose": "The main one"})
    assert 'href="/asthma/edit/"' not in client.get("/projects/air/edit/").text


def test_a_purpose_is_plain_text_with_its_addresses_linked(as_, cast, workspace: Workspace) -> None:
    hostile = 'See https://example.org/x and javascript:alert(1) <img src=x onerror=alert(1)> "quoted"'
    workspaces.edit_workspace(by=cast.ada, workspace=workspace, purpose=hostile)
    page = as_(VISITOR).get("/asthma/").text
    assert '<a href="https://example.org/x" rel="nofollow noreferrer">' in page.replace(" noopener", "")
    assert "<img src=x" not in page and 'href="javascript' not in page


def test_hostile_names_are_shown_as_text(as_, cast, study) -> None:
    org = actions.add_organisation(by="system", name='<b>Org</b> & "Co"', description="<script>d</script>")
    made = actions.add_project(by="system", name="<script>p</script> {{ 4711*1000 }}", orgs=[org])
    actions.add_member(by="system", project=made, user=cast.ada, roles=["ProjectDeveloper"])
    study.git("branch", "<img-src=x>&'\"")
    workspaces.create_workspace(by=cast.ada, project=made, name="w", repo=study.url, branch="<img-src=x>&'\"")
    client = as_(DEVELOPER)
    for path in ("/", "/projects/", f"/projects/{made.slug}/", f"/projects/{made.slug}/edit/", "/workspaces/", "/w/",
                 f"/projects/{made.slug}/new-workspace/?repo={study.url}", "/organisations/", f"/orgs/{org.slug}/"):  # fmt: skip
        page = client.get(path)
        assert page.status_code == 200
        for raw in ("<script>p", "<script>d", "<b>Org", "<img-src", "4711000"):
            assert raw not in page.text, (path, raw)


def test_the_switches_of_a_workspace_tell_what_they_did(as_, workspace: Workspace) -> None:
    client = as_(DEVELOPER)
    assert "Enable notifications" in client.get("/asthma/").text
    assert (
        send(client, "/asthma/notifications-toggle/", {"should_notify": "True"}).headers["Location"]
        == "/asthma/"
    )
    assert "Disable notifications" in client.get("/asthma/").text
    send(client, "/asthma/archive-toggle/", {"is_archived": "True"})
    page = client.get("/asthma/").text
    assert "This workspace is archived." in page and "Unarchive" in page
    assert send(client, "/asthma/archive-toggle/", {"is_archived": "True"}).status_code == 409
    assert "This workspace is archived." not in as_(VISITOR).get("/asthma/").text


def test_a_workspace_tells_what_was_last_heard_of_its_repository(as_, workspace: Workspace, study) -> None:
    client = as_(DEVELOPER)
    assert "Repository checked just now" in client.get("/asthma/").text
    study.git("branch", "-m", "main", "trunk")
    assert "Missing branch" not in client.get("/asthma/").text
    send(client, "/asthma/refresh/", {})
    assert "Missing branch: 'main'" in client.get("/asthma/").text
    Repo.update(checked_at=None).execute()
    assert "Repository checked never" in client.get("/asthma/").text


def test_a_repository_on_a_host_is_linked_with_its_branch(as_, cast, workspace: Workspace) -> None:
    Repo.update(url="https://github.com/northfield/air").execute()
    Workspace.update(branch="feature/é&x").execute()
    page = as_(VISITOR).get("/asthma/").text
    assert 'href="https://github.com/northfield/air"' in page and ">northfield/air</a>" in page
    assert 'href="https://github.com/northfield/air/tree/feature/%C3%A9%26x"' in page


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/air/", "/projects/air/"),
        ("/air/asthma/", "/asthma/"),
        ("/air/asthma/logs/", "/asthma/logs/"),
        ("/air/asthma/logs/?status=failed&q=%C3%A9", "/asthma/logs/?status=failed&q=%C3%A9"),
        ("/air/asthma/a%20b/", "/asthma/a%20b/"),
        ("/air/new-workspace/", "/projects/air/new-workspace/"),
        ("/air/releases/?x=1", "/projects/air/releases/?x=1"),
        ("/air/logs/", "/projects/air/logs/"),
        ("/air/?x=1", "/projects/air/?x=1"),
    ],
)
def test_addresses_of_old_lead_for_good_to_where_the_thing_is(
    as_, workspace: Workspace, old: str, new: str
) -> None:
    response = as_(VISITOR).get(old)
    assert (response.status_code, response.headers["Location"]) == (301, new)


@pytest.mark.parametrize("path", ["/other/asthma/", "/air/other/", "/air/asthma-2/logs/", "/nothing/asthma/", "/asthma/nothing/",
                                  "/asthma/air/", "/staff-x/y/", "/air/edit/nothing/", "/air//evil.example/"])  # fmt: skip
def test_an_address_that_never_was_is_not_found(
    as_, workspace: Workspace, org: Organisation, path: str
) -> None:
    actions.add_project(by="system", name="Other", orgs=[org])
    assert as_(VISITOR).get(path).status_code in (404, 308)
    assert urlsplit(as_(VISITOR).get(path).headers.get("Location", "")).netloc in ("", "localhost")


def test_a_workspace_named_like_its_project_keeps_its_own_pages(as_, cast, project: Project, study) -> None:
    workspaces.create_workspace(by=cast.ada, project=project, name="air", repo=study.url, branch="main")
    client = as_(DEVELOPER)
    assert "Workspace: air" in client.get("/air/").text
    assert "Edit air" in client.get("/air/edit/").text
    assert client.get("/air/air/").headers["Location"] == "/air/"


def test_a_page_asked_for_without_its_slash_is_led_to_it(as_, workspace: Workspace) -> None:
    for path in ("/asthma", "/projects/air", "/projects", "/workspaces/new"):
        assert as_(VISITOR).get(path).status_code in (301, 308)


def test_a_form_that_leaves_a_field_out_leaves_it_as_it_was(as_, workspace: Workspace) -> None:
    ada = as_("ada")
    send(ada, "/asthma/edit/", {"purpose": "The main analysis."})
    send(ada, "/projects/air/edit/", {"status": "retired", "status_description": "Why."})
    send(ada, "/asthma/edit/", {})
    send(ada, "/projects/air/edit/", {"status": "postponed"})
    project = Project.get_by_id(workspace.project_id)
    assert Workspace.get_by_id(workspace.id).purpose == "The main analysis."
    assert (project.status, project.status_description) == ("postponed", "Why.")
