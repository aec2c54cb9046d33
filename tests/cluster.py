"""A PostgreSQL server of the tests' own: a new one in a temporary folder, gone with the session."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

NEWEST_FIRST = sorted(
    Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True
)
FASTER = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
OTHERS = {
    "max_connections": "300",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
    "dynamic_shared_memory_type": "mmap",  # in its own folder: one that is killed leaves nothing behind elsewhere
}


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, None where it is not installed."""
    found = shutil.which("initdb")
    return Path(found).parent if found else next(iter(NEWEST_FIRST), None)


def as_its_user() -> list[str]:
    """PostgreSQL refuses to run as root: what makes it run as somebody else there."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres" if _is_there("postgres") else "nobody")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def place(room: int) -> str | None:
    """Where databases cost no disk, if there is so much room (in bytes) twice over; else where temporary files are."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 2 * room else None


class Cluster:
    """A server on a free port, with all databases in a folder of its own; `address` is without the name of a database."""

    def __init__(self, *, room: int = 2**29, **settings: str) -> None:
        folder = programs()
        assert folder, "PostgreSQL is not installed"
        self._bin = folder
        self.folder = Path(tempfile.mkdtemp(prefix="jobsite-pg-", dir=place(room)))
        if as_its_user():
            shutil.chown(self.folder, "postgres" if _is_there("postgres") else "nobody")
        self._settings = {**FASTER, **OTHERS, **settings}
        self.port = _free_port()
        data = str(self.folder / "data")
        self._run(
            ["initdb", "-D", data, "-U", "jobsite", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        )
        self.start()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"postgresql://jobsite@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {**self._settings, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        words = " ".join(f"-c {name}={value}" for name, value in settings.items())
        log = str(self.folder / "log")
        self._run(
            ["pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "60", "-l", log, "-o", words, "start"]
        )

    def stop(self, how: str = "immediate") -> None:
        """Stop it: `immediate` is as if it were killed."""
        self._run(["pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", how, "stop"])

    def end(self) -> None:
        """Stop it, and remove all that was in it."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, words: Sequence[str]) -> None:
        command = [*as_its_user(), str(self._bin / words[0]), *words[1:]]
        # A server that goes on would keep a pipe open for ever.
        with (self.folder / "said").open("w+") as said:
            done = subprocess.run(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False
            )
            said.seek(0)
            assert done.returncode == 0, said.read()


def _is_there(name: str) -> bool:
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])
