"""A process that has the supervisor loaded and forks one for each attempt: so none has to start Python anew."""

import gc
import json
import os
import signal
import socket
import traceback
from pathlib import Path

from jobsite.jobs import committed
from jobsite.jobs.executors import bubblewrap, cgroups, processes, records, seccomp
from jobsite.jobs.logs.format import tail_segments
from jobsite.jobs.supervisor import carry

LONGEST_PATH = 4096


def serve() -> None:
    """Reads messages from standard input, a socket: the folder of an attempt, and with it a pipe. Gives the attempt a
    supervisor and writes to its pipe a line of JSON: 0 and "" once it has one, else 1 and why not. No attempt waits
    for another. Ends with its input."""
    _know_beforehand()
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
            _supervise(os.fsdecode(message), handles[0])
        os.close(handles[0])


def _know_beforehand() -> None:
    """What is the same for every attempt is found out here, once, and not by each supervisor."""
    seccomp.filter_program()
    cgroups.mounts()
    bubblewrap.homes()
    committed.git()
    processes.boot_id()
    tail_segments(Path(records.LOG))  # it compiles a pattern


def _supervise(attempt_dir: str, answer: int) -> None:
    """In the child: is the supervisor of the attempt, and tells through the pipe how that began. Never returns."""
    told = False

    def tell(code: int, said: str) -> None:
        nonlocal told
        told = True
        os.write(answer, json.dumps((code, said)).encode())
        os.close(answer)

    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.set_inheritable(answer, False)
        os.setsid()
        carry(attempt_dir, lambda: tell(0, ""))
    except BaseException:  # noqa: BLE001 - whatever it is, it is told if somebody still listens
        if not told:
            tell(1, traceback.format_exc()[-10_000:])
    finally:
        os._exit(0)
