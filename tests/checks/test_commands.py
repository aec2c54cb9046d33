"""The command `disclosure`: what people see, what programs read, and the exit status."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner, Result

from jobsite.checks.commands import disclosure
from jobsite.cli import main


def run(*words: object) -> Result:
    return CliRunner().invoke(disclosure, [str(word) for word in words])


def folder_of(path: Path, **files: str) -> Path:
    for name, text in files.items():
        (path / f"{name}.csv").write_text(text)
    return path


def test_a_clean_folder_exits_0_with_one_line(tmp_path) -> None:
    result = run(folder_of(tmp_path, a="group,n\na,20\nb,30\n"))
    assert (result.exit_code, result.output) == (
        0,
        "1 file by policy default 1: no problem found by these rules.\n",
    )


def test_what_has_to_be_mended_exits_1_and_is_shown_with_its_place(tmp_path) -> None:
    result = run(folder_of(tmp_path, a="group,n\na,3\nb,30\n"))
    assert result.exit_code == 1
    assert "fix   a.csv: Row 1 'n': 3 is a count of 1 to 7. Hide it before rounding. [C1]\n" in result.output
    assert result.output.endswith("1 file by policy default 1: 2 fix.\n")


def test_what_is_only_looked_at_exits_0(tmp_path) -> None:
    assert run(folder_of(tmp_path, a="group,percent\na,12.5\nb,20.1\n")).exit_code == 0


def test_the_json_is_one_list_of_findings_and_nothing_else(tmp_path) -> None:
    result = run(folder_of(tmp_path, a="group,n\na,3\nb,30\n"), "--json")
    findings = json.loads(result.stdout)
    assert (result.exit_code, [one["rule"] for one in findings]) == (1, ["C1", "C2"])
    assert findings[0]["file"] == "a.csv" and findings[0]["place"]["row"] == 1
    assert json.loads(run(tmp_path / "a.csv", "--json").stdout)[0]["file"] == str(tmp_path / "a.csv")


def test_several_paths_are_one_group(tmp_path) -> None:
    folder_of(tmp_path, a="group,n\na,20\nb,30\n", b="group,n\na,20\nb,33\n")
    found = json.loads(run(tmp_path / "a.csv", tmp_path / "b.csv", "--json").stdout)
    assert [one["rule"] for one in found] == ["C2", "D1"]
    assert [one["rule"] for one in json.loads(run(tmp_path, "--json").stdout)] == ["C2", "D1"]


def test_an_earlier_release_is_compared(tmp_path) -> None:
    (tmp_path / "now").mkdir()
    (tmp_path / "then").mkdir()
    folder_of(tmp_path / "now", a="group,n\na,20\nb,33\n", c="group,n\nx,20\ny,30\n")
    folder_of(tmp_path / "then", a="group,n\na,20\nb,30\n", d="group,n\nx,20\ny,30\n")
    found = json.loads(run(tmp_path / "now", "--earlier", tmp_path / "then", "--json").stdout)
    assert {(one["rule"], one["file"]) for one in found} >= {("D3", "a.csv"), ("F10", "c.csv")}


def test_a_policy_of_ones_own(tmp_path) -> None:
    folder_of(tmp_path, a="group,n\na,20\nb,30\n")
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"policy": "strict", "version": 4, "counts": {"threshold": 25}}))
    found = json.loads(run(tmp_path / "a.csv", "--policy", policy, "--json").stdout)
    assert [(one["rule"], one["policy"], one["policy_version"]) for one in found] == [("C1", "strict", 4)]
    policy.write_text("{}}")
    broken = run(tmp_path / "a.csv", "--policy", policy)
    assert (broken.exit_code, "is not JSON" in broken.output) == (1, True)


def test_links_and_folders_with_a_dot_are_left_out(tmp_path) -> None:
    (tmp_path / "in" / ".git").mkdir(parents=True)
    folder_of(tmp_path / "in" / ".git", a="group,n\na,3\n")
    folder_of(tmp_path, secret="group,n\na,3\nb,20\n")
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "secret.csv")
    result = run(tmp_path / "in")
    assert (result.exit_code, result.output.startswith("0 files")) == (0, True)


def test_a_file_that_is_named_twice_is_checked_once(tmp_path) -> None:
    folder_of(tmp_path, a="group,n\na,3\nb,30\n")
    twice = run(tmp_path / "a.csv", tmp_path / "a.csv", tmp_path, "--json")
    assert [one["rule"] for one in json.loads(twice.stdout)] == ["C1", "C2"]


def test_a_link_named_outright_stops(tmp_path) -> None:
    folder_of(tmp_path, a="group,n\na,20\nb,30\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    [found] = json.loads(run(tmp_path / "link.csv", "--json").stdout)
    assert (found["rule"], found["severity"]) == ("F5", "stop")
    assert found["sentence"] == "This file could not be checked: links are not followed."


def test_what_may_not_be_read_is_never_passed_over() -> None:
    with TemporaryDirectory() as name:  # where any user may look, unlike the folders of pytest
        outer = folder_of(Path(name), a="group,n\na,20\nb,30\n")
        outer.chmod(0o755)
        (outer / "a.csv").chmod(0)
        with ordinary_user():
            assert [one["rule"] for one in json.loads(run(outer, "--json").stdout)] == ["F5"]
        (outer / "locked").mkdir(mode=0)
        with ordinary_user():
            locked = run(outer)
        assert (locked.exit_code, "locked cannot be read: Permission denied." in locked.output) == (1, True)
        (outer / "locked").chmod(0o700)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root reads everything: within the block the process is nobody."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_many_findings_of_one_rule_are_counted_not_shown(tmp_path) -> None:
    rows = "".join(f"g{number},3\n" for number in range(30))
    result = run(folder_of(tmp_path, a=f"group,n\n{rows}"))
    assert result.output.count("is a count of 1 to 7") == 10
    assert "a.csv: and 20 more of C1; --json lists all\n" in result.output


def test_names_with_escapes_do_not_reach_the_terminal(tmp_path) -> None:
    (tmp_path / "a\x1b[31m.csv").write_text("group,n\na,3\nb,20\n")
    result = run(tmp_path)
    assert "\x1b" not in result.output and result.exit_code == 1


def test_wrong_usage_exits_2_and_what_is_not_there_is_said(tmp_path) -> None:
    assert run().exit_code == 2
    missing = run(tmp_path / "none.csv")
    assert (missing.exit_code, "There is nothing at" in missing.output) == (1, True)
    assert run(tmp_path, "--earlier", tmp_path / "none").exit_code == 1


def test_it_is_a_command_of_jobsite() -> None:
    assert CliRunner().invoke(main, ["disclosure", "--help"]).exit_code == 0
