"""An agent as others write them, of the standard library alone: it fetches tasks, runs them for real, keeps all files, tells.

Usage: agent_program.py BASE BACKEND TOKEN FOLDER. What it knows lies in FOLDER alone, so it may be killed at any moment.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

BASE, BACKEND, TOKEN, FOLDER = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])


def call(path: str, told: dict[str, Any] | None = None) -> dict[str, Any]:
    data = urllib.parse.urlencode({"payload": json.dumps(told)}).encode() if told else None
    asked = urllib.request.Request(f"{BASE}{BACKEND}/{path}", data, {"Authorization": TOKEN})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def tell(task: dict[str, Any], stage: str, results: dict[str, Any] | None = None) -> None:
    told = {"task_id": task["id"], "stage": stage, "results": results, "complete": results is not None}
    call("task/update/", {**told, "timestamp_ns": time.time_ns()})


def run(task: dict[str, Any]) -> None:
    """One step on with a job; where it stands is read from its folder each time."""
    job = task["definition"]
    place = FOLDER / job["task_id"]
    ended, begun = place / "exit", place / "pid"
    if not place.exists():
        prepare(job, place)
        tell(task, "prepared")
    if not begun.exists():
        FOLDER.joinpath("runs").open("a").write(f"{job['action']}\n")
        words = shlex.join([sys.executable, *job["args"]])
        script = f"{words} > ../{job['task_id']}.log 2>&1; echo $? > .exit; mv .exit exit"
        started = subprocess.Popen(["/bin/sh", "-c", script], cwd=place, start_new_session=True)
        begun.write_text(str(started.pid))
        tell(task, "executing")
    elif ended.exists():
        tell(task, "executed")
        tell(task, "finalized", finish(job, place, ended.read_text().strip()))


def prepare(job: dict[str, Any], place: Path) -> None:
    half = FOLDER / "half"
    shutil.rmtree(half, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", job["repo_url"], str(half)], check=True)
    subprocess.run(["git", "-C", str(half), "checkout", "-q", job["commit"]], check=True)
    for supplier in job["input_job_ids"]:
        shutil.copytree(FOLDER / "store" / supplier, half, dirs_exist_ok=True)
    half.rename(place)


def finish(job: dict[str, Any], place: Path, code: str) -> dict[str, Any]:
    found = {pattern: list(place.glob(pattern)) for pattern in job["output_spec"]}
    for path in (path for paths in found.values() for path in paths if code == "0"):
        kept = FOLDER / "store" / job["id"] / path.relative_to(place)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, kept)
    unmatched = code == "0" and not all(found.values())
    return {"exit_code": code, "has_unmatched_patterns": unmatched, "status_message": "", "cancelled": False}


def cancel(task: dict[str, Any]) -> None:
    begun = FOLDER / task["definition"]["task_id"] / "pid"
    if begun.exists():
        try:
            os.killpg(int(begun.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            pass
    tell(task, "finalized", {"cancelled": True, "exit_code": "137" if begun.exists() else None})


while True:
    for one in call("tasks/")["tasks"]:
        {"runjob": run, "canceljob": cancel}[one["type"]](one)
    time.sleep(0.02)
