"""A process that has the supervisor loaded and forks one for each attempt: so none has to start Python anew."""

import gc
import json
import os
import sys
import traceback

from jobsite.jobs.supervisor import main


def serve() -> None:
    """Reads the folder of an attempt a line, gives it a supervisor, and answers with a line of JSON: the exit
    status of `supervisor.main`, and what it wrote to standard error. Ends with its input."""
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps(_fork(line.rstrip("\n"))), flush=True)


def _fork(attempt_dir: str) -> tuple[int, str]:
    said = os.memfd_create("said")
    try:
        child = os.fork()
        if child == 0:
            _supervise(attempt_dir, said)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), os.pread(said, 10_000, 0).decode("utf-8", "replace")
    finally:
        os.close(said)


def _supervise(attempt_dir: str, said: int) -> None:
    """In the child: what the command line of a single supervisor does. Never returns."""
    code = 1
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard, handle in ((0, nothing), (1, nothing), (2, said)):
            os.dup2(handle, standard)
        os.close(nothing)
        os.close(said)
        main(attempt_dir)
        code = 0
    except BaseException:  # noqa: BLE001 - it goes to standard error, as it would from a program of its own
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
