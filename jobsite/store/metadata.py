"""`metadata.json` of an attempt: the record of what it left, from which its result can be reported again and again."""

import json
import time
from collections.abc import Mapping
from typing import Any

from jobsite.core.files import UnsafePath, atomic_write, make_directories, open_beneath
from jobsite.store.collecting import Collected
from jobsite.store.facts import JobFacts, Published
from jobsite.store.roots import Roots

METADATA_FILE = "metadata.json"

# Names of environment variables whose values say nothing about a secret.
HARMLESS_VARIABLES = frozenset(
    {"HOME", "LANG", "LC_ALL", "OPENSAFELY_BACKEND", "PATH", "PYTHONUNBUFFERED", "TZ"}
)

_DEFAULTS: dict[str, Any] = {
    "outputs": {},
    "unmatched_patterns": [],
    "unmatched_outputs": [],
    "status_message": "",
    "hint": "",
    "timestamp_ns": 0,
    "job_definition_id": "",
    "job_definition_rap_id": "",
    "task_id": "",
    "created_at": "",
    "completed_at": "",
    "user": "",
    "docker_image_id": "",
    "expected_image_id": "",
    "exit_code": "",
    "oom_killed": False,
    "container_metadata": {},
    "commit": "",
    "database_name": "",
    "action_version": "unknown",
    "action_revision": "unknown",
    "action_created": "unknown",
    "base_revision": "unknown",
    "base_created": "unknown",
    "level4_excluded_files": {},
    "cancelled": False,
    "error": False,
    "job_metrics": {},
}

_STAYS = ("outputs", "unmatched_patterns", "unmatched_outputs", "level4_excluded_files", "container_metadata")


def record_of(facts: JobFacts, collected: Collected | None, files: Mapping[str, Published]) -> dict[str, Any]:
    """The content of metadata.json. Beyond the keys that other programs know: `files`, {path: what was stored}."""
    record = {**_DEFAULTS, **_masked(dict(facts.metadata))}
    record.update(
        outputs={path: file.level for path, file in files.items()},
        unmatched_patterns=list(collected.unmatched_patterns) if collected else [],
        unmatched_outputs=list(collected.unmatched_outputs) if collected else [],
        status_message=facts.status_message,
        hint=facts.hint,
        timestamp_ns=time.time_ns(),
        job_definition_id=facts.job,
        job_definition_rap_id=facts.request,
        task_id=facts.attempt,
        created_at=facts.created_at,
        completed_at=facts.completed_at,
        user=facts.user,
        docker_image_id=facts.image_id,
        exit_code="" if facts.exit_code is None else str(facts.exit_code),
        commit=facts.commit,
        database_name=facts.database_name,
        level4_excluded_files={path: file.message for path, file in files.items() if file.message},
        cancelled=facts.cancelled,
        files={path: file._asdict() for path, file in files.items()},
    )
    return record


def _masked(value: Any, key: str = "") -> Any:
    """The same data with the values of environment variables hidden, whether given as a mapping or as `NAME=value`."""
    environment = key.casefold() in ("env", "environment")
    if isinstance(value, Mapping):
        if environment:
            return {
                name: text if name in HARMLESS_VARIABLES else "xxxx-REDACTED" for name, text in value.items()
            }
        return {name: _masked(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked_variable(inner) if environment else _masked(inner) for inner in value]
    return value


def _masked_variable(variable: Any) -> str:
    name, _, value = str(variable).partition("=")
    return f"{name}={value if name in HARMLESS_VARIABLES else 'xxxx-REDACTED'}"


def path_and_directories(facts: JobFacts) -> list[str]:
    """The attempt's metadata.json and the directories above it, relative to where attempts are kept."""
    folder = f"{facts.job}/{facts.attempt}"
    return [f"{folder}/{METADATA_FILE}", folder, facts.job, ""]


def write(roots: Roots, facts: JobFacts, record: Mapping[str, Any], *, flushed: bool = True) -> None:
    """Replaces the attempt's metadata.json in one step; without `flushed` the caller flushes it."""
    directory = roots.attempt_of(facts.job, facts.attempt)
    make_directories(roots.jobs, f"{facts.job}/{facts.attempt}")
    atomic_write(directory / METADATA_FILE, json.dumps(record), flushed=flushed)


def read(roots: Roots, job: str, attempt: str) -> dict[str, Any] | None:
    """The record of an attempt with defaults for what an older writer left out; None when there is none, when it
    cannot be read, and when it is that of another attempt.
    """
    try:
        with open_beneath(roots.attempt_of(job, attempt), METADATA_FILE) as file:
            record = json.loads(file.read())
    except (OSError, UnsafePath, ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("task_id") != attempt:
        return None
    return {**_DEFAULTS, **record}


def published_before(roots: Roots, job: str, attempt: str) -> dict[str, Published] | None:
    """What an attempt stored, from its record; None when it has not been recorded."""
    record = read(roots, job, attempt)
    if record is None:
        return None
    return {path: Published(**file) for path, file in record.get("files", {}).items()}


def for_the_public_side(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record may leave the secure side (law 1): no names of files or patterns, no sentence that may hold some.

    Only keys known here leave; of an error, that there was one.
    """
    public = {key: record.get(key, default) for key, default in _DEFAULTS.items() if key not in _STAYS}
    public["error"] = bool(record.get("error"))
    public["has_unmatched_patterns"] = bool(record.get("unmatched_patterns"))
    public["has_level4_excluded_files"] = bool(record.get("level4_excluded_files"))
    if record.get("unmatched_patterns") or record.get("unmatched_outputs"):
        public.update(status_message="", hint="")
    return public
