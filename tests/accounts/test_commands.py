"""`jobsite user …` and `jobsite backend …`, run as commands."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result

from jobsite.accounts.api_tokens import person_with_token
from jobsite.accounts.backends import backend_with_token, end_maintenance, start_maintenance
from jobsite.accounts.commands import COMMANDS
from jobsite.accounts.queries import backend_or_stop, runs_here, user_or_stop
from jobsite.accounts.signing_in import sign_in
from jobsite.core.errors import Denied
from jobsite.core.limits import Limits
from jobsite.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, instance: Path) -> Run:
    """`run("user", "list")`: the command in this test's instance."""
    main = click.Group(commands={command.name: command for command in COMMANDS})
    return lambda *words: CliRunner().invoke(main, [*words, "--instance", str(settings.instance)])


def test_a_user_added_by_command_signs_in_with_three_words_on_one_line(run: Run) -> None:
    assert (
        run(
            "user", "add", "ada", "--name", "Ada A", "--email", "ada@x.org", "--role", "OutputChecker"
        ).exit_code
        == 0
    )
    made = run("user", "token", "ADA")
    assert (made.exit_code, bool(re.fullmatch(r"[a-z-]+ [a-z-]+ [a-z-]+\n", made.output))) == (0, True)
    ada, _ = sign_in(user="ada@x.org", token=made.output, address="::1", limits=Limits())
    assert ada.roles == ["OutputChecker"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("user", "add", "ada", "--name", "Ada"), "There is already a user ada."),
        (("user", "add", "eve", "--name", " "), "Enter a name."),
        (("user", "add", "eve", "--name", "Eve", "--role", "Boss"), "There is no role 'Boss'."),
        (("user", "token", "nobody"), "There is no user nobody."),
        (("user", "roles", "ada", "--role", "ProjectDeveloper"), "ProjectDeveloper is given in a project"),
        (("user", "activate", "ada"), "ada is active already."),
        (("backend", "add", "local", "--name", "Again"), "There is already a backend local."),
        (("backend", "token", "north"), "There is no backend north."),
        (("backend", "remove-member", "local", "ada"), "ada is no member of local."),
    ],
)
def test_wrong_input_is_a_sentence_on_standard_error_and_exit_1(
    run: Run, cast: SimpleNamespace, local: object, words: tuple[str, ...], sentence: str
) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_usage_is_exit_2(run: Run) -> None:
    assert run("user", "add", "ada").exit_code == 2
    assert run("user", "api-token", "ada", "--days", "many").exit_code == 2


def test_lists_as_text_and_as_one_json_document(run: Run, cast: SimpleNamespace, local: object) -> None:
    run("user", "deactivate", "dan")
    people = json.loads(run("user", "list", "--json").output)
    assert [person["username"] for person in people] == ["ada", "ben", "cat", "cyd", "dan", "pat", "sam"]
    assert people[2]["roles"] == ["OutputChecker"]
    assert [person["username"] for person in people if not person["is_active"]] == ["dan"]
    assert "dan  Dan Duarte  -  (deactivated)" in run("user", "list").output
    run("backend", "pause", "local")
    start_maintenance(by="system", backend=backend_or_stop("local"))
    assert run("backend", "list").output == "local  Local  paused, database maintenance\n"
    (listed,) = json.loads(run("backend", "list", "--json").output)
    assert (listed["slug"], listed["is_paused"], listed["is_in_maintenance_mode"]) == ("local", True, True)
    assert listed["has_token"] is False
    run("backend", "resume", "local")
    end_maintenance(by="system", backend=backend_or_stop("local"))
    assert run("backend", "list").output == "local  Local  running\n"


def test_roles_logins_and_access_by_command(run: Run, cast: SimpleNamespace, local: object) -> None:
    assert run("user", "roles", "ada", "--role", "TechSupport").output == "ada has TechSupport.\n"
    assert user_or_stop("ada").roles == ["TechSupport"]
    assert run("user", "roles", "ada").output == "ada has no role on the whole site.\n"
    assert run("user", "log-out", "ada").output == "Ended 0 logins of ada.\n"
    assert run("user", "deactivate", "ada").exit_code == run("user", "activate", "ada").exit_code == 0
    assert run("backend", "add-member", "local", "ada").output == "ada may use local.\n"
    assert run("backend", "remove-member", "local", "ada").exit_code == 0
    assert re.fullmatch(r"[0-9a-f]{40}\n", run("backend", "token", "local").stdout)
    assert run("backend", "add", "north", "--name", "North").output == "Added backend north.\n"


def test_a_bot_is_added_with_a_token_and_has_no_login(run: Run) -> None:
    assert run("user", "add", "ci", "--name", "Nightly", "--bot").exit_code == 0
    made = run("user", "api-token", "ci", "--name", "nightly", "--days", "3")
    assert re.fullmatch(r"[0-9a-f]{64}-\d{4}-\d\d-\d\d\n", made.output)
    assert person_with_token(f"ci:{made.output.strip()}").is_bot
    listed = json.loads(run("user", "api-tokens", "ci", "--json").output)
    assert [(one["name"], one["last_used_at"] is None) for one in listed] == [("nightly", False)]
    assert run("user", "api-tokens", "ci").output.startswith("nightly  ends ")
    assert run("user", "revoke-api-token", "ci", "--name", "nightly").exit_code == 0
    again = run("user", "revoke-api-token", "ci", "--name", "nightly")
    assert (again.exit_code, again.stderr) == (1, "This token has ended already.\n")
    with pytest.raises(Denied):
        person_with_token(f"ci:{made.output.strip()}")
    refused = run("user", "token", "ci")
    assert (refused.exit_code, "is a bot" in refused.stderr) == (1, True)
    assert "ci  Nightly  -  (bot)" in run("user", "list").output
    too_long = run("user", "api-token", "ci", "--days", "91")
    assert (too_long.exit_code, "from 1 to 90" in too_long.stderr) == (1, True)


def test_a_backends_token_may_overlap_the_one_before(run: Run, local: object) -> None:
    first, second = run("backend", "token", "local"), run("backend", "token", "local", "--overlap", "1.5")
    third = run("backend", "token", "local")
    works = [backend_with_token(made.output.strip()) is not None for made in (first, second, third)]
    assert works == [False, False, True]
    assert run("backend", "token", "local", "--overlap", "721").exit_code == 1


def test_who_makes_the_first_token_is_told_that_the_jobs_are_fetched_from_now_on(
    run: Run, local: object
) -> None:
    first, second, kept = (run("backend", "token", "local", *words) for words in ((), (), ("--runs-here",)))
    assert re.fullmatch(r"[0-9a-f]{40}\n", first.stdout)
    assert "fetches its job requests" in first.stderr
    assert (second.stderr, kept.stderr) == ("", "")
    assert runs_here(backend_or_stop("local"))
