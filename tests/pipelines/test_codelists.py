"""Codelists: what is up to date and what is not, told from the files alone."""

import json

import pytest

from jobsite.pipelines.codelists import check_codelists, why_not_stale

LISTED = b"# ours\nopensafely/asthma/2020-01-01\n\nuser/ada/smoking/5f3a/\n"
HASHES = {"opensafely-asthma.csv": "aa", "user-ada-smoking.csv": "bb"}


def record(hashes=HASHES) -> bytes:
    return json.dumps(
        {"files": {name: {"url": "u", "downloaded_at": "t", "sha": sha} for name, sha in hashes.items()}}
    ).encode()


def test_codelists_as_they_were_downloaded_are_fine():
    assert check_codelists(LISTED, record(), {name: sha.upper() for name, sha in HASHES.items()}).ok


def test_a_study_without_codelists_is_fine():
    assert check_codelists(None, None, {}).ok


WRONG = {
    "Could not find codelists.txt or codelists.json": (None, record(), HASHES),
    "find codelists.txt or codelists.json. Run": (LISTED, None, {}),
    "codelists.json cannot be read": (LISTED, b"[", HASHES),
    "json cannot be read. Run": (LISTED, b'{"files": {"a": 1}}', HASHES),
    "codelists.txt cannot be read": (b"\xff\xff", record(), HASHES),
    "not downloaded: opensafely-new.csv": (LISTED + b"opensafely/new/1", record(), HASHES),
    "no longer listed in codelists.txt: user-ada-smoking.csv": (b"opensafely/asthma/1", record(), HASHES),
    "not downloaded by the command: mine.csv": (LISTED, record(), HASHES | {"mine.csv": "cc"}),
    "changed since the download: opensafely-asthma.csv": (
        LISTED,
        record(),
        HASHES | {"opensafely-asthma.csv": "00"},
    ),
    "downloaded: user-ada-smoking.csv": (LISTED, record(), {"opensafely-asthma.csv": "aa"}),
}


@pytest.mark.parametrize("words", WRONG)
def test_codelists_out_of_date_are_told_with_their_names_and_what_to_do(words):
    verdict = check_codelists(*WRONG[words])
    assert not verdict.ok
    assert words in verdict.sentence and "opensafely codelists update" in verdict.sentence


def test_a_request_is_refused_only_if_a_new_job_reads_the_database():
    stale = check_codelists(LISTED, None, {})
    assert why_not_stale(stale, ["extract"]).startswith(
        "Codelists are out of date (required by action extract)"
    )
    assert "actions a and b" in why_not_stale(stale, ["a", "b"])
    assert why_not_stale(stale, []) is None
    assert why_not_stale(check_codelists(None, None, {}), ["extract"]) is None
