"""Who may do what, and what names look like."""

import pytest

from jobsite.accounts import rules
from jobsite.accounts.rules import GLOBAL, PERMISSIONS, PROJECT, ROLES, permissions_of

# The table of the specification, written out: section 4.
TABLE = """
                                PD PC OC OP SAA TS SA SO DA
job_run                         x  .  .  .  .   .  .  .  x
job_cancel                      x  .  .  .  .   .  .  .  x
project_manage                  x  .  .  .  .   .  .  .  .
workspace_create                x  .  .  .  .   .  .  .  .
workspace_archive               x  .  .  .  .   .  .  .  .
workspace_toggle_notifications  x  .  .  .  .   .  .  .  .
release_file_view               x  x  x  .  .   x  .  .  .
release_file_upload             .  .  x  .  .   .  .  .  .
release_file_delete             .  .  x  .  .   .  .  .  .
snapshot_create                 x  .  .  .  .   .  .  .  .
snapshot_publish                .  .  .  x  .   .  .  .  .
unreleased_outputs_view         x  .  x  .  .   .  .  .  .
airlock_readonly_access         .  .  .  .  .   .  .  .  x
staff_area_access               .  .  .  .  x   .  .  .  .
user_manage                     .  .  .  .  x   .  .  .  .
user_edit_project_roles         .  .  .  .  .   x  x  .  .
backend_manage                  .  .  .  .  x   .  .  .  .
project_create                  .  .  .  .  .   x  x  .  .
org_create                      .  .  .  .  x   .  x  .  .
repo_sign_off_with_outputs      .  .  .  .  .   .  .  x  .
application_manage              .  .  .  .  x   .  .  .  .
project_link_to_application     .  .  .  .  .   .  x  .  .
"""
SHORT = {
    "PD": "ProjectDeveloper",
    "PC": "ProjectCollaborator",
    "OC": "OutputChecker",
    "OP": "OutputPublisher",
    "SAA": "StaffAreaAdministrator",
    "TS": "TechSupport",
    "SA": "ServiceAdministrator",
    "SO": "SignOffRepoWithOutputs",
    "DA": "DeploymentAdministrator",
}


def _table() -> dict[str, set[str]]:
    head, *rows = (line.split() for line in TABLE.strip("\n").splitlines())
    held: dict[str, set[str]] = {SHORT[short]: set() for short in head}
    for permission, *marks in rows:
        for short, mark in zip(head, marks, strict=True):
            if mark == "x":
                held[SHORT[short]].add(permission)
    return held


def test_the_permissions_are_those_of_the_table() -> None:
    assert {name: set(role.permissions) for name, role in ROLES.items()} == _table()
    assert list(PERMISSIONS) == [line.split()[0] for line in TABLE.strip().splitlines()[1:]]


def test_only_project_roles_are_given_in_projects() -> None:
    assert [role.name for role in rules.roles_in(PROJECT)] == ["ProjectDeveloper", "ProjectCollaborator"]
    assert [role.name for role in rules.roles_in(GLOBAL)] == [
        name for name in ROLES if name != "ProjectDeveloper"
    ]


def test_every_role_and_permission_says_in_words_what_it_is() -> None:
    assert {role.label.replace(" ", "") for role in ROLES.values()} == set(ROLES)
    assert all(role.description.endswith(".") and len(role.description) > 20 for role in ROLES.values())
    assert all(permission.what for permission in PERMISSIONS.values())


def test_roles_add_up_and_unknown_ones_grant_nothing() -> None:
    assert permissions_of(["ProjectCollaborator", "OutputPublisher"]) == {
        "release_file_view",
        "snapshot_publish",
    }
    assert permissions_of(["OutputReviewer", "constructor", ""]) == frozenset()
    assert permissions_of([]) == frozenset()


@pytest.mark.parametrize(
    ("role", "scope", "sentence"),
    [
        ("ProjectDeveloper", PROJECT, None),
        ("ProjectCollaborator", PROJECT, None),
        ("ProjectCollaborator", GLOBAL, None),
        ("OutputChecker", GLOBAL, None),
        ("ProjectDeveloper", GLOBAL, "ProjectDeveloper is given in a project, not for the whole site."),
        ("OutputChecker", PROJECT, "OutputChecker is given for the whole site, not in a project."),
        ("Boss", PROJECT, "There is no role 'Boss'. The roles are ProjectDeveloper and ProjectCollaborator."),
    ],
)
def test_a_role_is_given_only_in_its_scope(role: str, scope: str, sentence: str | None) -> None:
    assert rules.why_not_role(role, scope) == sentence


@pytest.mark.parametrize("username", ["ada", "Ada-Lovelace", "x", "a.b_c", "9to5", "a" * 39])
def test_usernames_that_can_be_used(username: str) -> None:
    assert rules.why_not_username(username) is None


@pytest.mark.parametrize(
    "username",
    ["", " ", "a" * 40, "-ada", ".ada", "a b", "ada@x", "ädä", "a/b", "a\n", "system", "System", "<b>"],
)
def test_usernames_that_cannot_be_used(username: str) -> None:
    assert rules.why_not_username(username)


@pytest.mark.parametrize("email", ["", "ada@example.org", "a.b+c@mail.example.org", "x@localhost"])
def test_addresses_that_can_be_used(email: str) -> None:
    assert rules.why_not_email(email) is None


@pytest.mark.parametrize(
    "email",
    [
        "ada",
        "@x.org",
        "ada@",
        "a b@x.org",
        "a@x..org",
        "a@b@c",
        "a@x.org\nBcc: b@x.org",
        f"{'a' * 250}@x.org",
    ],
)
def test_addresses_that_cannot_be_used(email: str) -> None:
    assert rules.why_not_email(email)


@pytest.mark.parametrize("fullname", ["", "  ", "a" * 101, "Ada\nLovelace", "Ada\x00"])
def test_names_that_cannot_be_used(fullname: str) -> None:
    assert rules.why_not_fullname(fullname)


def test_a_name_may_be_in_any_script() -> None:
    assert rules.why_not_fullname("Zoë O'Brien-Łukasz 李") is None


@pytest.mark.parametrize(
    ("slug", "fits"), [("local", True), ("north-2", True), ("-a", False), ("A", False), ("", False)]
)
def test_slugs_of_backends(slug: str, fits: bool) -> None:
    assert (rules.why_not_slug(slug) is None) == fits


@pytest.mark.parametrize(
    ("address", "networks", "may"),
    [
        ("203.0.113.9", (), True),
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("203.0.113.9", ("10.0.0.0/8", "192.168.0.0/16"), False),
        ("2001:db8::1", ("2001:db8::/32",), True),
        ("2001:db9::1", ("2001:db8::/32", "10.0.0.0/8"), False),
        ("", ("10.0.0.0/8",), False),
        ("unix:", ("10.0.0.0/8",), False),
    ],
)
def test_tokens_are_used_only_from_the_networks_that_are_set(
    address: str, networks: tuple[str, ...], may: bool
) -> None:
    assert (rules.why_not_token_login(address, networks) is None) == may


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nowhere", "nowhere"),
    ],
)
def test_one_ipv6_subscriber_is_one_address(address: str, counted_as: str) -> None:
    assert rules.neighbourhood(address) == counted_as


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
                "Safari/537.36 Edg/140.0.0.0"
            ),
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/18.0 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iPhone",
        ),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/18.0 Safari/605.1.15"
            ),
            "Safari on macOS",
        ),
        ("curl/8.5.0", "Another program"),
        ("", "Another program"),
        ("<script>alert(1)</script>" * 500, "Another program"),
    ],
)
def test_of_a_browser_only_its_family_is_told(header: str, words: str) -> None:
    assert rules.browser_in_words(header) == words


def test_who_gets_a_single_use_token() -> None:
    assert rules.why_not_log_in(True, False) is None
    assert "deactivated" in (rules.why_not_log_in(False, False) or "")
    assert "bot" in (rules.why_not_log_in(True, True) or "")
    assert rules.why_not_token(True, ["local"]) is None
    assert "Log in once" in (rules.why_not_token(False, ["local"]) or "")
    assert "any backends" in (rules.why_not_token(True, []) or "")
