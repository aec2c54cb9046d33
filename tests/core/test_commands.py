"""What every command has in common: a sentence and exit status 1 or 2 for whatever it is given and wherever it runs."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobsite.instance import open_instance, secret_key
from jobsite.settings import Settings

from ..servers import jobsite


@pytest.mark.parametrize(
    "words", [("user", "token", "\udcff"), ("org", "add", "\udcff\udcfe"), ("log", "a\udc80")]
)
def test_words_that_are_no_text_are_wrong_usage(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = jobsite(tmp_path / "instance", *words)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "is not text in UTF-8." in done.stderr


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
