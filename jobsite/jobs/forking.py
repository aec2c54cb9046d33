"""A process that has the supervisor loaded and forks one for each attempt: so none has to start Python anew."""

import gc
import json
import os
import signal
import socket
import sys
import traceback

from jobsite.jobs.supervisor import main

LONGEST_PATH = 4096


def serve() -> None:
    """Reads messages from standard input, a socket: the folder of an attempt, and with it a pipe. Gives the attempt a
    supervisor and writes to its pipe a line of JSON: the exit status of `supervisor.main`, and what it wrote to
    standard error. No attempt waits for another. Ends with its input."""
    gc.freeze()
    signal.signal(
        signal.SIGCHLD, signal.SIG_IGN
    )  # nobody waits for the children here: the kernel buries them
    orders = socket.socket(fileno=os.dup(0))
    while True:
        message, handles, _, _ = socket.recv_fds(orders, LONGEST_PATH, 1)
        if not handles:
            return
        if os.fork() == 0:
            orders.close()
            _answer(os.fsdecode(message), handles[0])
        os.close(handles[0])


def _answer(attempt_dir: str, answer: int) -> None:
    """In the child: forks the supervisor, waits for what `supervisor.main` gives, and tells it. Never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.set_inheritable(answer, False)
        said = os.memfd_create("said")
        child = os.fork()
        if child == 0:
            os.close(answer)
            _supervise(attempt_dir, said)
        _, status = os.waitpid(child, 0)
        words = os.pread(said, 10_000, 0).decode("utf-8", "replace")
        os.write(answer, json.dumps((os.waitstatus_to_exitcode(status), words)).encode())
    finally:
        os._exit(0)


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
