"""The instance folder: what is made once, and what every command and the server open first."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

import peewee

from jobsite import settings as all_settings
from jobsite.core.db import close_connections, open_database
from jobsite.core.postgresql import shown, why_unusable
from jobsite.core.sides import WrongSide
from jobsite.restoring import complete
from jobsite.settings import Settings, SettingsError

FOLDERS = ("repos", "releases")
FOLDERS_OF_LEVEL_4 = ("jobs", "workspaces/high", "workspaces/level4")


def open_instance(settings: Settings) -> None:
    """Make what is missing of the instance, open its database with all migrations, and use its settings.

    Idempotent. Raises `SettingsError` when the folder cannot be written or was made for another side and holds what this
    one does not keep, or the database cannot be reached; and `DatabaseTooNew` when that is of a newer version.
    """
    try:
        complete(settings)
        _make_passage(settings.instance)
        for folder in FOLDERS + (FOLDERS_OF_LEVEL_4 if settings.secure else ()):
            (settings.instance / folder).mkdir(parents=True, exist_ok=True, mode=0o750)
        if settings.secure:
            _make_passage(settings.instance / "work")
        _make_secret_key(settings.instance / "secret.key")
    except OSError as error:
        raise SettingsError(
            f"The instance folder {settings.instance} cannot be used: {error.strerror}."
        ) from None
    if not settings.secure:
        _stop_where_level_4_is(settings.instance)
    all_settings.use(settings)
    try:
        open_database(settings.database, settings.side)
    except WrongSide as refusal:
        raise SettingsError(str(refusal)) from None
    except (peewee.OperationalError, peewee.ProgrammingError) as error:
        if not settings.is_on_postgresql:
            raise
        raise SettingsError(
            f"The {shown(settings.database_url)} cannot be used: {why_unusable(error)}."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"The database {settings.database_path} cannot be opened: {error.strerror}."
        ) from None


def _stop_where_level_4_is(instance: Path) -> None:
    """Files of Level 4 do not lie on a public side, whatever its database says."""
    for folder in (*FOLDERS_OF_LEVEL_4, "releases/copies"):
        if (instance / folder).is_dir() and any((instance / folder).iterdir()):
            raise SettingsError(
                f"There are files of Level 4 in {instance / folder}, so this cannot be the public side. "
                "Set SIDE as before, or take another folder."
            )


def close_instance() -> None:
    """Close the database connections of this thread and of no thread."""
    close_connections()


def secret_key(settings: Settings) -> str:
    """The key that signs cookies and forms: the setting, else the instance's own."""
    return settings.secret_key or (settings.instance / "secret.key").read_text().strip()


def _make_passage(folder: Path) -> None:
    """A new folder that others may pass through but not list: a job that runs without a sandbox reaches its own."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o711)


def _make_secret_key(path: Path) -> None:
    """Write a new key that only the owner can read; an existing one, or a quicker other process, wins.

    It gets its name when it is whole: a kill or a full disk leaves no empty key, with which nobody could sign in.
    """
    if path.exists():
        return
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".secret.key.") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)
