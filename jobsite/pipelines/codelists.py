"""Whether the codelists of a study are complete and unchanged, without asking anybody (specification 2.7).

A study that uses codelists has `codelists/codelists.txt`, which lists them, and `codelists/codelists.json`, which
the download command writes with the SHA-1 of each CSV file that it fetched.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from jobsite.pipelines.wording import join

_UPDATE = "Run `opensafely codelists update` and commit what it changes."
LIST_FILE = "codelists/codelists.txt"
RECORD_FILE = "codelists/codelists.json"


@dataclass(frozen=True, slots=True)
class CodelistsVerdict:
    """`ok`, or a sentence that says what is out of date and what to do."""

    ok: bool
    sentence: str


def check_codelists(
    listed: bytes | None, recorded: bytes | None, csv_hashes: Mapping[str, str]
) -> CodelistsVerdict:
    """The verdict on the codelists of one commit.

    `listed` and `recorded` are the bytes of codelists.txt and codelists.json, None where there is no such file.
    `csv_hashes` maps the name of every CSV file in the folder (`org-name.csv`) to its SHA-1 in hexadecimal. No folder
    at all, that is neither file and no CSV, is fine. Never raises.
    """
    if listed is None and recorded is None and not csv_hashes:
        return CodelistsVerdict(True, "The study uses no codelists.")
    if listed is None or recorded is None:
        return _stale("Could not find codelists.txt or codelists.json.")
    wanted = _listed_names(listed)
    record = _recorded_hashes(recorded)
    if wanted is None or record is None:
        broken = "codelists.txt" if wanted is None else "codelists.json"
        return _stale(f"The file {broken} cannot be read.")
    return _compare(wanted, record, csv_hashes)


def _stale(why: str) -> CodelistsVerdict:
    return CodelistsVerdict(False, f"{why} {_UPDATE}")


def _compare(wanted: list[str], record: Mapping[str, str], csv_hashes: Mapping[str, str]) -> CodelistsVerdict:
    for why, names in (
        (
            "listed in codelists.txt, but not downloaded",
            [n for n in wanted if n not in record or n not in csv_hashes],
        ),
        ("downloaded, but no longer listed in codelists.txt", sorted(set(record) - set(wanted))),
        ("in the folder, but not downloaded by the command", sorted(set(csv_hashes) - set(record))),
        ("changed since the download", [n for n in wanted if csv_hashes.get(n, "").lower() != record.get(n)]),
    ):
        if names:
            return _stale(f"Codelists are out of date: {why}: {join(names)}.")
    return CodelistsVerdict(True, "The codelists are as they were downloaded.")


def _listed_names(listed: bytes) -> list[str] | None:
    """The names of the CSV files that codelists.txt asks for, one line `organisation/name/version` each."""
    try:
        text = listed.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    lines = [line.strip() for line in text.splitlines()]
    return [_csv_name(line) for line in dict.fromkeys(lines) if line and not line.startswith("#")]


def _csv_name(line: str) -> str:
    """`org/name/version` and `user/person/name/version` are saved without the version, slashes as dashes."""
    parts = line.strip("/").split("/")
    return "-".join(parts[:-1] if len(parts) > 1 else parts) + ".csv"


def _recorded_hashes(recorded: bytes) -> dict[str, str] | None:
    try:
        files = json.loads(recorded.decode("utf-8-sig"))["files"]
        return {str(name): str(entry["sha"]).lower() for name, entry in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def why_not_stale(verdict: CodelistsVerdict, database_actions: list[str]) -> str | None:
    """Why a request is refused whose new jobs read the database with codelists out of date; None if it is not."""
    if verdict.ok or not database_actions:
        return None
    required = "action" if len(database_actions) == 1 else "actions"
    names = join(database_actions)
    return f"Codelists are out of date (required by {required} {names}). {verdict.sentence}"
