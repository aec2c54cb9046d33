import pytest
from flask import Flask

from jobsite.projects import rules
from jobsite.projects.addresses import normal_url, why_not_repo

ALLOWED = ("https://github.com/northfield/", "https://git.example:8443/group", "/srv/studies")


@pytest.mark.parametrize("name", ["demo", "a", "asthma-main_2", "-x", "_", "2026-study", "x" * 100])
def test_these_are_names_of_workspaces(name: str) -> None:
    assert rules.why_not_workspace_name(name) is None


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Give the workspace a name."),
        ("x" * 101, "too long"),
        ("2026", "cannot be only digits"),
        ("two words", "has only letters"),
        ("Upper", "has only letters"),
        ("é", "has only letters"),
        ("a/b", "has only letters"),
        ("..", "has only letters"),
        ("a\n", "has only letters"),
        ("<script>", "has only letters"),
        ("staff", "is the address of another page"),
        ("run-jobs", "is the address of another page"),
        ("level-4", "is the address of another page"),
    ],
)
def test_these_are_no_names_of_workspaces(name: str, sentence: str) -> None:
    assert sentence in (rules.why_not_workspace_name(name) or "")


def test_no_workspace_can_hide_a_fixed_address_nor_be_hidden_by_one(app: Flask) -> None:
    first = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}
    below = {
        rule.rule.split("/")[2]
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/<") and rule.rule.count("/") > 2
    }
    fixed = {segment for segment in first | below if segment and "<" not in segment}
    assert fixed
    assert fixed <= rules.RESERVED


def test_the_reserved_words_of_the_specification_are_reserved() -> None:
    words = """api apply complete enter-your-name event-list event-log health-check job-requests jobs login
        login-with-token logout organisations orgs projects publish-repo repo settings staff static media status
        ui-components users workspaces 400 403 404 500 favicon.ico robots.txt edit logs new-workspace releases
        run-jobs archive-toggle notifications-toggle outputs published files"""
    assert set(words.split()) <= rules.RESERVED


@pytest.mark.parametrize("number", ["1", "42", "9" * 20, "POS-2026-2014", "POS-2099-9999"])
def test_these_are_numbers_of_projects(number: str) -> None:
    assert rules.why_not_number(number) is None


@pytest.mark.parametrize(
    "number",
    ["", "0", "012", "-1", "1.0", "9" * 21, "POS-1999-2014", "POS-2026-0014", "pos-2026-2014", "٣", "1\n"],
)
def test_these_are_no_numbers_of_projects(number: str) -> None:
    assert rules.why_not_number(number)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Asthma and air quality", "asthma-and-air-quality"),
        ("  Café – Été! ", "cafe-ete"),
        ("COVID-19 & long COVID", "covid-19-long-covid"),
        ("研究", ""),
        ("a/../b", "a-b"),
    ],
)
def test_a_slug_is_made_from_the_name(name: str, slug: str) -> None:
    assert rules.slug_of(name) == slug
    assert (rules.why_not_slug(slug) is None) == bool(slug)


@pytest.mark.parametrize("slug", ["", "Upper", "a b", "a/b", "é", "a\n", "x" * 256])
def test_these_are_no_slugs(slug: str) -> None:
    assert rules.why_not_slug(slug)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00", "x" * 201])
def test_these_are_no_names_of_projects(name: str) -> None:
    assert rules.why_not_name(name, "project")


def test_the_statuses_are_those_of_the_specification_and_each_says_what_it_asks_for() -> None:
    assert {value: status.label for value, status in rules.STATUSES.items()} == {
        "ongoing": "Ongoing",
        "postponed": "Postponed",
        "retired": "Retired",
        "ongoing-and-linked": "Ongoing - paper/report linked",
        "completed-and-linked": "Completed - paper/reports linked",
        "completed-and-awaiting": "Completed - awaiting paper/reports",
    }
    assert all(status.asks.endswith(".") for status in rules.STATUSES.values())
    assert rules.why_not_status("ongoing") is None
    assert rules.why_not_status("done") == "Choose a status from the list."


def test_text_is_kept_as_typed_but_for_line_ends_and_control_characters() -> None:
    assert rules.tidy(" a\r\nb\rc \n") == "a\nb\nc"
    assert rules.why_not_text("a\nb\tc é 研", 100) is None
    assert "too long" in rules.why_not_text("x" * 101, 100)
    for hidden in ("\x00", "\x1b", "\ud800"):
        assert "control characters" in rules.why_not_text(hidden, 100)


@pytest.mark.parametrize(
    ("permissions", "is_archived", "has_backend", "sentence"),
    [
        ({"job_run"}, False, True, None),
        ({"job_run"}, True, True, "Jobs cannot be run on an archived workspace"),
        (set(), True, False, "Jobs cannot be run on an archived workspace"),
        (set(), False, True, "You do not have permission to run jobs on this workspace"),
        ({"job_run"}, False, False, "You do not have permission to run jobs on any backend"),
    ],
)
def test_why_jobs_cannot_be_run(
    permissions, is_archived: bool, has_backend: bool, sentence: str | None
) -> None:
    assert rules.why_not_run_jobs(permissions, is_archived=is_archived, has_backend=has_backend) == sentence


def test_a_workspace_needs_the_permission_and_an_organisation() -> None:
    assert rules.why_not_create_workspace({"workspace_create"}, has_org=True) is None
    assert "Project Developer" in rules.why_not_create_workspace(set(), has_org=False)
    assert "no organisation" in rules.why_not_create_workspace({"workspace_create"}, has_org=False)


def test_every_permission_lacking_gives_a_sentence() -> None:
    for permission in ("job_cancel", "snapshot_publish", "something_new"):
        assert rules.why_not_permitted(permission, {permission}) is None
        assert rules.why_not_permitted(permission, {"other"}).endswith((".", "workspace"))


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/northfield/air",
        "https://github.com/northfield/a.b_c-d",
        "https://git.example:8443/group/x",
    ],
)
def test_these_repositories_may_be_used(url: str) -> None:
    assert why_not_repo(url, ALLOWED) is None


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "Give the address"),
        ("https://github.com/northfieldx/air", "may not be used here"),
        (
            "https://github.com/other/air",
            "may not be used here. Allowed are those at https://github.com/northfield/",
        ),
        ("https://git.example:8443/grouped/x", "may not be used here"),
        ("https://git.example/group/x", "may not be used here"),
        ("https://github.com/northfield", "has an owner and a name"),
        ("https://github.com/northfield/", "has an owner and a name"),
        ("https://github.com/northfield/air/tree", "has an owner and a name"),
        ("https://github.com/northfield/..", "must not contain “.” or “..”"),
        ("https://github.com/northfield/../other", "has an owner and a name"),
        ("https://github.com/northfield/%2e%2e", "has an owner and a name"),
        ("https://github.com/northfield/air?x=1", "has an owner and a name"),
        ("https://github.com/northfield/air#x", "has an owner and a name"),
        ("https://github.com/northfield/-x", "has an owner and a name"),
        ("https://me:SECRET@github.com/northfield/air", "must not contain a user name, password or token"),
        ("https://SECRET@github.com/northfield/air", "must not contain a user name, password or token"),
        ("https://github.com@evil.example/northfield/air", "must not contain a user name"),
        ("https://github.com\\@evil.example/northfield/air", "must not contain a user name"),
        ("http://github.com/northfield/air", "begins with https://"),
        ("ssh://git@github.com/northfield/air", "begins with https://"),
        ("git@github.com:northfield/air", "begins with https://"),
        ("ext::sh -c touch", "no address of a repository"),
        ("ext::sh", "begins with https://"),
        ("file:///srv/studies/x", "begins with https://"),
        ("--upload-pack=x", "begins with https://"),
        ("https://", "begins with https://"),
        ("https://[::1/x/y", "begins with https://"),
        ("https://github.com:99999/northfield/air", "begins with https://"),
        ("https://github.com/northfield/air\n", "no address of a repository"),
        ("https://github.com/northfield/" + "x" * 300, "no address of a repository"),
        ("/srv/studiesx/a", "may not be used here"),
        ("/srv/studies/../a", "written in full"),
        ("//srv/studies/a", "written in full"),
        ("/srv/studies//a", "written in full"),
        ("/etc", "may not be used here"),
        ("srv/studies/a", "begins with https://"),
    ],
)
def test_these_repositories_may_not_be_used(url: str, sentence: str) -> None:
    refusal = why_not_repo(url, ALLOWED)
    assert sentence in (refusal or "")
    assert "SECRET" not in refusal and "/srv" not in refusal


def test_a_local_path_needs_to_be_listed_and_stay_below_it(tmp_path) -> None:
    (tmp_path / "studies" / "air").mkdir(parents=True)
    (tmp_path / "studies" / "out").symlink_to(tmp_path)
    allowed = [f"{tmp_path}/studies"]
    assert why_not_repo(f"{tmp_path}/studies/air", allowed) is None
    assert why_not_repo(f"{tmp_path}/studies/out", allowed)
    assert why_not_repo(f"{tmp_path}/studies/air", ["https://github.com/"])


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" https://github.com/a/b.git/ ", "https://github.com/a/b"),
        ("HTTPS://GitHub.com/a/B", "https://github.com/a/B"),
        ("https://git.example/a/b.git", "https://git.example/a/b.git"),
        ("/srv/studies/air.git/", "/srv/studies/air.git"),
        ("", ""),
    ],
)
def test_a_repository_has_one_spelling(typed: str, stored: str) -> None:
    assert normal_url(typed, "https://github.com") == stored
