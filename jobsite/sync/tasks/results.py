"""What an agent tells of the end of a job, read for what may be known here (pipelines and jobs, 4.7 and appendix B).

Only numbers, yes or no, and sentences of a fixed list are taken over. Names of files, patterns, hints, messages of
exceptions and whatever else comes along are not kept, also where the agent should have left them out.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from jobsite.jobs.executors.agent import EXCLUDED, NOTHING, SAVED, UNMATCHED
from jobsite.jobs.executors.contract import AttemptSpec, Exit
from jobsite.jobs.reports import message_outside
from jobsite.jobs.rules import CODES

USERS_OWN = (
    "a file that it needs is not there, or its code cannot be read; the records of the agent say which"
)

_BASE = CODES["nonzero_exit"].sentence
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_EXIT = re.compile(r"[0-9]{1,3}")
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")


def end_of(
    told: Mapping[str, Any], spec: AttemptSpec, times: Mapping[str, int], at: int, *, overdue: bool
) -> Exit:
    """The end of an attempt of which this was told at the moment `at` (microseconds since 1970), with the `times` of its
    stages. `overdue`: it was to end because its time was up."""
    error, code = told.get("error"), _exit_code(told.get("exit_code"))
    facts = {**_facts(told, spec, times, at), "exit_code": code, "elsewhere": NOTHING}
    if told.get("cancelled"):
        return Exit("time_limit" if overdue else "cancelled", **facts)
    if error:
        return _faulty(error, facts)
    if code is None:
        return Exit("platform", **facts, fault="agent_failed", detail="the agent told no exit code")
    if told.get("oom_killed") and code != 0:
        return Exit("out_of_memory", **facts)
    if code != 0:
        return Exit("exited", **facts, sentence=sentence(told.get("status_message")))
    return Exit("exited", **{**facts, "elsewhere": _outputs(told)})


def sentence(message: Any) -> str:
    """What an agent says of an exit code in its own words, where that is one of the sentences that may be said outside of
    Level 4; else ""."""
    text = " ".join(message.split()) if isinstance(message, str) else ""
    whole = f"{_BASE}: {text.removeprefix(_BASE).lstrip(': ')}"
    return whole.removeprefix(f"{_BASE}: ") if message_outside("nonzero_exit", whole) == whole else ""


def _facts(told: Mapping[str, Any], spec: AttemptSpec, times: Mapping[str, int], at: int) -> dict[str, Any]:
    """What is recorded of every end."""
    metrics = told.get("job_metrics")
    measured = metrics if isinstance(metrics, Mapping) else {}
    image = told.get("docker_image_id")
    return {
        "started_at": times.get("executing"),
        "ended_at": times.get("executed", at),
        "limits": asdict(spec.limits),
        "peak_memory_bytes": int(_number(measured.get("mem_mb_peak"), 2**30) * 2**20),
        "cpu_seconds": _number(measured.get("cpu_cumsum"), 10**12) / 100,
        "image": image if isinstance(image, str) and _DIGEST.fullmatch(image) else "",
    }


def _faulty(error: Any, facts: dict[str, Any]) -> Exit:
    """An agent that could not carry it out: for what the user can change, or for a fault of the platform. Of the exception
    its class alone is kept, for operators."""
    named = error.get("exception", error.get("type")) if isinstance(error, Mapping) else None
    kind = named if isinstance(named, str) and _CLASS.fullmatch(named) else "an error"
    if kind.endswith("JobError"):
        return Exit("job_error", **facts, sentence=USERS_OWN, detail=f"the agent told of {kind}")
    return Exit("platform", **facts, fault="agent_failed", detail=f"the agent told of {kind}")


def _outputs(told: Mapping[str, Any]) -> str:
    """What became of the outputs of a run that went well."""
    if told.get("has_unmatched_patterns") or told.get("unmatched_patterns"):
        return UNMATCHED
    if told.get("has_level4_excluded_files") or told.get("level4_excluded_files"):
        return EXCLUDED
    return SAVED


def _exit_code(told: Any) -> int | None:
    if isinstance(told, bool) or not _EXIT.fullmatch(str(told)):
        return None
    return int(told) if int(told) <= 255 else None


def _number(told: Any, most: float) -> float:
    """A measure; 0 for what is none."""
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= most:
        return 0.0
    return float(told) if math.isfinite(told) else 0.0
