"""An engine in a process of its own, without the lock of the instance: `engine_process.py SETTINGS`, until it is told to
stop by the end of its input. Finishes jobs in threads, as a server does."""

import json
import sys
import threading
from pathlib import Path

from jobsite.core.db import close_database
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor
from jobsite.jobs.finishing import finish
from jobsite.settings import Settings


def main(given: dict) -> None:
    open_instance(
        Settings(
            instance=Path(given["instance"]),
            database_url=given["database_url"],
            allowed_repos=tuple(given["allowed_repos"]),
            runtimes={"python": (sys.executable,)},
            max_workers=4,
        )
    )
    threads: list[threading.Thread] = []

    def in_a_thread(job_id: int) -> None:
        def finish_it() -> None:
            finish(job_id)
            close_database()

        threads.append(threading.Thread(target=finish_it))
        threads[-1].start()

    stop = threading.Event()
    runs = threading.Thread(target=Engine(executor(), finish=in_a_thread).run, args=(stop,))
    runs.start()
    print("runs", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in (runs, *threads):
        thread.join()
    close_instance()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
