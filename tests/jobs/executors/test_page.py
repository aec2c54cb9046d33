"""docs/executors.md says what the code does."""

import re
from pathlib import Path

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import REASONS, STAGES, AttemptSpec, Executor, Limits
from jobsite.jobs.executors.following import MOST_WAITED

PAGE = (Path(__file__).parents[3] / "docs" / "executors.md").read_text("utf-8")


def test_every_reason_stage_and_verb_is_explained() -> None:
    table = PAGE.partition("## How it ends")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == REASONS
    assert ", ".join(f"`{stage}`" for stage in STAGES) in PAGE
    verbs = [name for name in vars(Executor) if not name.startswith("_")]
    assert ", ".join(f"`{verb}`" for verb in verbs) in PAGE


def test_every_record_is_listed() -> None:
    names = [value for name, value in vars(records).items() if name.isupper() and isinstance(value, str)]
    assert names
    assert all(f"{name}`" in PAGE for name in names)


def test_the_numbers_are_those_of_the_code() -> None:
    uid = AttemptSpec.__dataclass_fields__["user"].default[0]
    assert f"user | {uid}:{uid}" in PAGE
    assert f"the grace of {Limits().grace_seconds:g} seconds" in PAGE
    assert f"after {MOST_WAITED:g} seconds the end of all its processes" in PAGE
