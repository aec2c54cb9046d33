"""What every command has in common: a sentence and exit status 1 or 2 for whatever it is given and wherever it runs."""

import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from jobsite.cli import MODULES, main
from jobsite.instance import open_instance, secret_key
from jobsite.settings import Settings

from ..servers import ROOT, jobsite


def test_the_command_has_every_command_of_every_room() -> None:
    context = click.Context(main)
    for file in ROOT.glob("jobsite/**/*command*.py"):
        words = file.relative_to(ROOT).with_suffix("").parts
        commands = getattr(import_module(".".join(words)), "COMMANDS", ())
        assert {one.name for one in commands} == set(MODULES.get(".".join(words), "").split()), file
        assert all(main.get_command(context, one.name) is one for one in commands)
    assert main.list_commands(context) == sorted(set(" ".join(MODULES.values()).split()))
    assert main.get_command(context, "nothing") is None


def test_a_short_command_does_not_wait_for_the_parts_of_the_server() -> None:
    code = "import sys; from jobsite.cli import main; main(['user', '--help'], standalone_mode=False); print(sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "jobsite.accounts.commands" in done.stdout
    assert "jobsite.application" not in done.stdout


@pytest.mark.parametrize(
    ("group", "some"),
    [
        (
            "backend",
            {"add", "token", "pause", "resume", "list", "maintenance", "prepare-for-reboot", "flags"},
        ),
        ("workspace", {"add", "archive", "restore"}),
        ("jobs", {"kill"}),
    ],
)
def test_a_group_has_the_commands_of_later_rooms_in_a_program_that_loaded_nothing_else(
    group: str, some: set[str]
) -> None:
    code = f"from jobsite.cli import main; main([{group!r}, '--help'], standalone_mode=False)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed = done.stdout.partition("Commands:")[2].splitlines()
    assert some <= {line.split()[0] for line in listed if line.strip()}


@pytest.mark.parametrize(
    "words", [("user", "token", "\udcff"), ("org", "add", "\udcff\udcfe"), ("log", "a\udc80")]
)
def test_words_that_are_no_text_are_wrong_usage(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = jobsite(tmp_path / "instance", *words)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "is not text in UTF-8." in done.stderr


@pytest.mark.sqlite_only("its file is none")
def test_a_database_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "jobsite.db").write_text("this is no database, however long it is " * 99)
    done = jobsite(tmp_path, "jobs")
    assert (done.returncode, done.stderr) == (
        1,
        "The database of this instance cannot be used: file is not a database.\n",
    )


def test_an_instance_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = jobsite(tmp_path / "taken", "jobs")
    assert (done.returncode, done.stderr.count("\n"), "Not a directory." in done.stderr) == (1, 1, True)


@pytest.mark.sqlite_only("its file is none")
def test_a_database_that_is_a_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "jobsite.db").mkdir()
    done = jobsite(tmp_path, "jobs")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr


def test_the_secret_key_is_whole_or_absent_when_its_maker_is_killed(tmp_path: Path) -> None:
    """A process that is killed while it writes the key leaves none behind: an empty one would stop every sign-in."""
    code = (
        "import os, sys, signal; from pathlib import Path; from jobsite import instance\n"
        "instance.secrets.token_hex = lambda size: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from jobsite.settings import Settings; instance.open_instance(Settings(instance=Path(sys.argv[1])))\n"
    )
    folder = tmp_path / "instance"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert done.returncode == -signal.SIGKILL
    settings = Settings(instance=folder)
    open_instance(settings)
    assert len(secret_key(settings)) == 64
    assert (folder / "secret.key").stat().st_mode & 0o777 == 0o600
