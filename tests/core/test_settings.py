"""Settings: one list, two sources, and no start with what nobody understands."""

import inspect
import re
from datetime import timedelta
from pathlib import Path

import pytest

from jobsite.setting_origins import origins
from jobsite.settings import NO_EFFECT, SETTINGS, Settings, SettingsError, load

PACKAGE = Path(inspect.getfile(Settings)).parent


def test_a_setting_comes_from_the_environment_then_the_file_then_the_default(tmp_path: Path) -> None:
    (tmp_path / "jobsite.toml").write_text('side = "public"\nmax_workers = 3\n')
    settings = load(tmp_path, {"JOBSITE_SIDE": "secure"})
    assert (settings.side, settings.max_workers, settings.max_db_workers) == ("secure", 3, 2)
    sources = {entry.name: entry.source for entry in origins(tmp_path, {"JOBSITE_SIDE": "secure"})}
    assert sources["SIDE"] == "environment (JOBSITE_SIDE)"
    assert sources["MAX_WORKERS"] == "jobsite.toml"
    assert sources["JOB_CPUS"] == "default"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("TOKEN_LIFETIME", "90 min", timedelta(minutes=90)),
        ("SESSION_IDLE", "2w", timedelta(days=14)),
        ("JOB_MEMORY", "1.5 GiB", 1_610_612_736),
        ("JOB_MEMORY", "4096", 4096),
        ("ALLOWED_REPOS", "https://a.example/, /srv/x", ("https://a.example/", "/srv/x")),
        (
            "RUNTIMES",
            '{"python": "/bin/p", "r:v2": ["Rscript", "-e"]}',
            {"python": ("/bin/p",), "r:v2": ("Rscript", "-e")},
        ),
        ("DATABASE_ENV", '{"DATABASE_URL": "x"}', {"DATABASE_URL": "x"}),
        ("EXECUTOR_UNSAFE", "1", True),
        ("BASE_URL", "https://jobs.example/", "https://jobs.example"),
        ("TOKEN_LOGIN_NETWORKS", "10.0.0.0/8", ("10.0.0.0/8",)),
        ("HUEY_URL", "rediss://:p%40ss@[::1]:6380/2", "rediss://:p%40ss@[::1]:6380/2"),
    ],
)
def test_values_are_read_as_what_they_mean(tmp_path: Path, name: str, text: str, value: object) -> None:
    assert getattr(load(tmp_path, {f"JOBSITE_{name}": text}), name.lower()) == value


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"JOBSITE_SIDES": "both"}, "no setting SIDES. Did you mean SIDE?"),
        ({"JOBSITE_SIDE": "left"}, "SIDE must be both or public or secure"),
        ({"JOBSITE_MAX_WORKERS": "0"}, "MAX_WORKERS must be a whole number from 1"),
        ({"JOBSITE_MAX_WORKERS": "two"}, "MAX_WORKERS must be a whole number"),
        ({"JOBSITE_JOB_CPUS": "nan"}, "JOB_CPUS must be a number"),
        ({"JOBSITE_TOKEN_LIFETIME": "soon"}, "TOKEN_LIFETIME must be a positive number with a unit"),
        ({"JOBSITE_TOKEN_LIFETIME": "0 h"}, "TOKEN_LIFETIME must be longer than nothing"),
        ({"JOBSITE_BASE_URL": "jobs.example"}, "BASE_URL must be an address that begins with http"),
        ({"JOBSITE_RUNTIMES": "python"}, "RUNTIMES must be a table"),
        ({"JOBSITE_RUNTIMES": '{"python": 3}'}, "RUNTIMES must give a program for 'python'"),
        ({"JOBSITE_DATABASE_URL": "mysql://x"}, "DATABASE_URL must begin with sqlite:"),
        ({"JOBSITE_HUEY_URL": "amqp://host"}, "HUEY_URL must begin with sqlite: or redis: or rediss:"),
        ({"JOBSITE_HUEY_URL": "redis://host:0"}, "HUEY_URL must be an address such as redis://"),
        ({"JOBSITE_HUEY_URL": "redis://host/first"}, "HUEY_URL must be an address such as redis://"),
        ({"JOBSITE_EXECUTOR_UNSAFE": "maybe"}, "EXECUTOR_UNSAFE must be 1 or 0"),
        ({"JOBSITE_TOKEN_LOGIN_NETWORKS": "ten"}, "TOKEN_LOGIN_NETWORKS must be a list of networks"),
    ],
)
def test_what_cannot_be_used_stops_the_start_with_a_sentence(
    tmp_path: Path, environ: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(tmp_path, environ)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["side = ", 'nonsense = "x"', "instance = '/x'", "max_workers = true", "\xff"]
)
def test_a_file_that_cannot_be_used_stops_the_start_as_well(tmp_path: Path, text: str) -> None:
    (tmp_path / "jobsite.toml").write_text(text, "latin-1")
    with pytest.raises(SettingsError, match="jobsite.toml"):
        load(tmp_path, {})


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    environ = {"JOBSITE_SECRET_KEY": "hush-hush", "JOBSITE_DATABASE_ENV": '{"P": "hush-hush"}'}
    shown = {entry.name: entry.value for entry in origins(tmp_path, environ)}
    assert shown["SECRET_KEY"] == "(set)"
    assert "hush-hush" not in str(shown)


def test_every_setting_has_help() -> None:
    assert all(entry.metadata["help"] for entry in SETTINGS)


def test_a_setting_that_nothing_reads_says_so() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.name != "settings.py"]
    text = "".join(path.read_text("utf-8") for path in files)
    text += inspect.getsource(Settings).partition("@property")[2]
    for entry in SETTINGS:
        name = entry.name
        read = re.search(rf'\.{name}\b|"{name}"|JOBSITE_{name.upper()}\b', text)
        assert (not read) == entry.metadata["help"].startswith(NO_EFFECT), name
