"""A Redis of the tests' own, on a free port of this machine, with a password."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

PROGRAM = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed")
PASSWORD = "marked-password"


CERTIFICATE = Path(__file__).parent / "projects" / "loopback.pem"
TLS = f"--port 0 --tls-cert-file {CERTIFICATE} --tls-key-file {CERTIFICATE} --tls-ca-cert-file {CERTIFICATE} --tls-auth-clients no"


class RedisServer:
    """A server that begins empty; a context manager that ends it. It can be killed and started again at the same address."""

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._folder, self._tls = folder, tls
        self.address = f"{'rediss' if tls else 'redis'}://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        door = f"{TLS} --tls-port {self.port}" if self._tls else f"--port {self.port}"
        words = f"{door} --bind 127.0.0.1 --requirepass {PASSWORD} --appendonly no --save".split()
        self._process = subprocess.Popen(
            [PROGRAM or "", *words, "", "--dir", str(self._folder)], stdout=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < end, "redis-server does not start"
            time.sleep(0.01)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """It takes connections, and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as asked:
                asked.sendall(b"PING\r\n")
                return self._tls or asked.recv(64).startswith(b"-NOAUTH")
        except OSError:
            return False
