"""The command `check`: what people see, what programs read, and the exit status."""

import json

from click.testing import CliRunner

from jobsite.pipelines.commands import check

from .marked import action, project


def run(*words, **options):
    return CliRunner().invoke(check, [str(word) for word in words], **options)


def write(folder, text):
    (folder / "project.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_valid_file_exits_0_with_one_line(tmp_path):
    result = run(write(tmp_path, project(action())))
    assert result.exit_code == 0
    assert result.output == f"{tmp_path / 'project.yaml'} is valid: version 5, 1 action.\n"


def test_an_invalid_file_exits_1_and_shows_every_problem_with_its_line_and_a_caret(tmp_path):
    result = run(write(tmp_path, project(action(needs="[b, c]"))) / "project.yaml")
    assert result.exit_code == 1
    assert (
        ":5:13: problem: Action table references an unknown action in its `needs` list: b. [needs-unknown]"
        in result.output
    )
    assert "       5 |     needs: [b, c]\n         |             ^\n" in result.output
    assert ":5:16: problem:" in result.output and "→ Name an action of this file" in result.output
    assert result.output.endswith("is not valid: 2 problems.\n")


def test_the_json_is_one_document_and_nothing_else(tmp_path):
    result = run(write(tmp_path, project(action(run="python a.py"))), "--json")
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["valid"], shown["problems"][0]["code"]) == (1, False, "run-version")
    assert shown["problems"][0]["line"] == 4


def test_what_cannot_be_read_exits_1_with_a_sentence(tmp_path):
    empty = run(tmp_path)
    assert (empty.exit_code, "No project.yaml file found in" in empty.output) == (1, True)
    missing = run(tmp_path / "other.yaml")
    assert (missing.exit_code, "No such file" in missing.output) == (1, True)


def test_wrong_usage_exits_2():
    assert run().exit_code == 2
    assert run("--jsn", ".").exit_code == 2


def test_many_warnings_of_one_kind_are_counted_not_shown(tmp_path):
    patterns = "\n".join(f"        o{n}: o/{n}.CSV" for n in range(9))
    result = run(write(tmp_path, project(action(outputs=f"      highly_sensitive:\n{patterns}"))))
    assert result.output.count("warning:") == 5
    assert "and 4 more warnings output-type; --json lists all" in result.output
    assert "is valid: version 5, 1 action, 9 warnings." in result.output


def test_colours_are_for_terminals_only(tmp_path):
    folder = write(tmp_path, project(action(run="python a.py")))
    assert "\x1b[" not in run(folder).output
    assert "\x1b[31m" in run(folder, color=True).output


def test_an_excerpt_cannot_command_the_terminal(tmp_path):
    result = run(write(tmp_path, "a: \x1b[31m"))
    assert result.exit_code == 1 and "\x1b" not in result.output and "\\x1b" in result.output
