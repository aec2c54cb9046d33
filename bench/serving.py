"""A server as a process of its own, without an engine: somebody to ask, and what it costs."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from jobsite.accounts.models import User
from jobsite.accounts.signing_in import make_token

COMMAND = (sys.executable, "-c", "from jobsite.cli import main; main()")

PROCESSOR = "X-Processor-Ms"
"""The header in which this server says how long a processor worked on the answer: others may use the machine too."""

SERVER = """
import sys
import time
from pathlib import Path
from jobsite.application import create_app
from jobsite.web_server import answer_until_stopped, stop_on_signals, web_server
from jobsite.settings import Settings
settings = Settings(instance=Path(sys.argv[1]))
app = create_app(settings)
inner = app.wsgi_app
def timed(environ, start_response):
    begun = time.thread_time()
    def start(status, headers, *more):
        used = f"{(time.thread_time() - begun) * 1000:.3f}"
        return start_response(status, [*headers, (sys.argv[2], used)], *more)
    return inner(environ, start)
app.wsgi_app = timed
stop_on_signals()
server = web_server(app, settings, host="127.0.0.1", port=0)
print(server.effective_port, flush=True)
answer_until_stopped(server)
"""


@contextmanager
def server(instance: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The web server of an instance, and its address."""
    words = [sys.executable, "-c", SERVER, str(instance), PROCESSOR]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


@contextmanager
def started(
    instance: Path, command: Sequence[str] = COMMAND, **environ: str
) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """`jobsite serve` as a process, its address, and the seconds until it had answered a first page."""
    words = [*command, "serve", "--instance", str(instance), "--port", "0"]
    begun = time.monotonic()
    with (
        open(instance.parent / "server.log", "ab") as log,
        subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **environ}
        ) as process,
    ):
        assert process.stdout
        address = next(found[1] for said in process.stdout if (found := re.search(r"ready on (\S+)", said)))
        urllib.request.urlopen(f"{address}/login/", timeout=60).read()
        try:
            yield process, address, time.monotonic() - begun
        finally:
            process.terminate()


def sign_in(address: str, username: str) -> str:
    """The cookie of a session of that person's, by the form that people use."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(), Stay())
    page = opener.open(f"{address}/login/").read().decode()
    csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert csrf
    person = User.get(User.username == username)
    form = {"user": username, "token": make_token(by="system", user=person), "csrf_token": csrf[1]}
    try:
        opener.open(f"{address}/login-with-token/", urlencode(form).encode())
    except urllib.error.HTTPError as answer:
        assert answer.code == 303
    cookies = next(one for one in opener.handlers if isinstance(one, urllib.request.HTTPCookieProcessor))
    return "; ".join(f"{one.name}={one.value}" for one in cookies.cookiejar)


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int | str) -> float:
    """Mebibytes of memory that a process holds, this one for "self"."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
