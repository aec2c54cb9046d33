"""The one way out of a database action's sandbox; servers of this machine stand where databases would be."""

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import AttemptSpec
from jobsite.jobs.executors.database_network import Way, ways
from jobsite.jobs.executors.sandbox import Sandbox
from jobsite.settings import SettingsError, load

from .conftest import Study, ended, log_shows, output, processes_with, run, until

INSIDE = 5432

TALK = """
import json, socket, sys
def ask(address, port, question=b"?"):
    try:
        with socket.create_connection((address, port), timeout=20) as way:
            way.sendall(question)
            way.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: way.recv(65536), b"")).decode()
    except OSError as problem:
        return type(problem).__name__
"""


@dataclass
class Peer:
    """A server on this machine that answers "you said …" once it has heard the whole question."""

    listener: socket.socket
    heard: list[bytes] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1]

    @property
    def way(self) -> str:
        address, port = self.listener.getsockname()[:2]
        place = f"[{address}]" if ":" in address else address
        return f"127.0.0.1:{INSIDE}={place}:{port}"

    def serve(self) -> None:
        while True:
            try:
                talk = self.listener.accept()[0]
            except OSError:
                return
            with talk:
                self.heard.append(talk.makefile("rb").read())
                talk.sendall(b"you said " + self.heard[-1])


@pytest.fixture
def serve() -> Iterator[Callable[..., Peer]]:
    """`serve("127.0.0.1")`: a server at this address of the machine, on a free port."""
    made: list[tuple[Peer, threading.Thread]] = []

    def at(address: str = "127.0.0.1") -> Peer:
        peer = Peer(socket.create_server((address, 0), family=_family(address)))
        made.append((peer, threading.Thread(target=peer.serve)))
        made[-1][1].start()
        return peer

    yield at
    for peer, thread in made:
        peer.listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        peer.listener.close()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def tell(sandbox: Sandbox, study: Study, expression: str, **changes: Any) -> Any:
    """What the expression gives inside the sandbox."""
    spec = study.script(f"{TALK}\nprint(json.dumps({expression}))\n", **changes)
    assert run(sandbox, spec).exit_code == 0, output(spec)
    return json.loads(output(spec))


def test_a_database_action_reaches_its_database_and_nothing_else(
    sandbox: Sandbox, study: Study, serve: Callable[..., Peer]
) -> None:
    database, other = serve(), serve()
    tries = f"""[
        ask("127.0.0.1", {INSIDE}),
        ask("127.0.0.1", {database.port}),
        ask("127.0.0.1", {other.port}),
        ask("127.0.0.2", {INSIDE}),
        ask("192.0.2.1", {INSIDE}),
        ask("database.example", {INSIDE}),
        sorted(name for _, name in socket.if_nameindex()),
    ]"""
    seen = tell(sandbox, study, tries, network=database.way)
    refused = "ConnectionRefusedError"
    assert seen == ["you said ?", refused, refused, refused, "OSError", "gaierror", ["lo"]]
    assert (database.heard, other.heard) == ([b"?"], [])


def test_without_hosts_the_same_code_reaches_nothing(
    sandbox: Sandbox, study: Study, serve: Callable[..., Peer]
) -> None:
    database = serve()
    tries = f'[ask("127.0.0.1", {INSIDE}), ask("127.0.0.1", {database.port})]'
    assert tell(sandbox, study, tries, is_database_action=True) == ["ConnectionRefusedError"] * 2
    assert database.heard == []


def test_much_goes_both_ways_over_many_connections_and_each_end_is_told_by_itself(
    sandbox: Sandbox, study: Study, serve: Callable[..., Peer]
) -> None:
    database = serve()
    code = f"""len(set(__import__("concurrent.futures").futures.ThreadPoolExecutor(8).map(
        lambda n: ask("127.0.0.1", {INSIDE}, bytes([65 + n]) * 3_000_000), range(8))) - {{
        "you said " + chr(65 + n) * 3_000_000 for n in range(8)}})"""
    assert tell(sandbox, study, code, network=database.way) == 0
    assert sorted(map(len, database.heard)) == [3_000_000] * 8


def test_several_databases_each_have_their_port(
    sandbox: Sandbox, study: Study, serve: Callable[..., Peer]
) -> None:
    first, second = serve(), serve("::1")
    network = f"{first.way},{second.way.replace(str(INSIDE), '80', 1)}"
    tries = f'[ask("127.0.0.1", {INSIDE}, b"one"), ask("127.0.0.1", 80, b"two")]'
    assert tell(sandbox, study, tries, network=network) == ["you said one", "you said two"]
    assert (first.heard, second.heard) == ([b"one"], [b"two"])


def test_a_database_that_is_away_breaks_the_connection_off(
    sandbox: Sandbox, study: Study, serve: Callable[..., Peer]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    seen = tell(sandbox, study, f'ask("127.0.0.1", {INSIDE})', network=f"127.0.0.1:{INSIDE}=127.0.0.1:{port}")
    assert seen in ("ConnectionResetError", "BrokenPipeError", "OSError")


def test_too_many_connections_are_broken_off_until_others_have_ended(
    sandbox: Sandbox, study: Study, serve: Callable[..., Peer]
) -> None:
    most = f"""
kept = [socket.create_connection(("127.0.0.1", {INSIDE}), timeout=20) for _ in range(128)]
beyond = ask("127.0.0.1", {INSIDE})
for one in kept:
    one.close()
while not (after := ask("127.0.0.1", {INSIDE})).startswith("you said"):
    pass
print(json.dumps([beyond, after]))
"""
    spec = study.script(TALK + most, network=serve().way)
    assert run(sandbox, spec).exit_code == 0, output(spec)
    beyond, after = json.loads(output(spec))
    assert beyond in ("ConnectionResetError", "BrokenPipeError", "OSError")
    assert after == "you said ?"


# --- its end

HOLDS = f"""{TALK}
import time
way = socket.create_connection(("127.0.0.1", {INSIDE}))
way.sendall(b"begin")
print("connected", flush=True)
time.sleep(600)
"""


@pytest.fixture
def held(sandbox: Sandbox, study: Study) -> Iterator[tuple[AttemptSpec, socket.socket]]:
    """A job that keeps a connection, and the database's side of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        way = f"127.0.0.1:{INSIDE}=127.0.0.1:{listener.getsockname()[1]}"
        spec = study.script(HOLDS, f"marks-{study.root.name}", network=way)
        sandbox.launch(spec)
        with listener.accept()[0] as side:
            side.settimeout(60)
            until(lambda: log_shows(spec, b"connected"))
            assert side.recv(100) == b"begin"
            yield spec, side


def rest(side: socket.socket) -> bytes:
    """What still comes from the job until its connection is gone."""
    try:
        return side.recv(100)
    except ConnectionResetError:
        return b""


def test_the_way_ends_with_a_job_that_is_killed(
    sandbox: Sandbox, study: Study, held: tuple[AttemptSpec, socket.socket]
) -> None:
    spec, side = held
    for pid in processes_with(f"marks-{study.root.name}"):
        with suppress(ProcessLookupError):  # it has gone with one before it
            os.kill(pid, signal.SIGKILL)
    assert ended(sandbox, spec).signal == signal.SIGKILL
    assert rest(side) == b""


def test_the_way_ends_with_a_supervisor_that_is_killed(
    sandbox: Sandbox, study: Study, held: tuple[AttemptSpec, socket.socket]
) -> None:
    spec, side = held
    who = records.read(spec.attempt_dir, records.SUPERVISOR) or {}
    os.kill(who["pid"], signal.SIGKILL)
    assert rest(side) == b""
    until(lambda: not sandbox.observe(spec.attempt_dir).alive)
    until(lambda: not processes_with(f"marks-{study.root.name}"))


def test_the_way_ends_with_a_job_that_is_cancelled(
    sandbox: Sandbox, held: tuple[AttemptSpec, socket.socket]
) -> None:
    spec, side = held
    sandbox.cancel(spec.attempt_dir)
    assert ended(sandbox, spec).reason == "cancelled"
    assert rest(side) == b""


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("127.0.0.1:5432=10.0.0.5:1,127.0.0.1:5432=10.0.0.6:1", "port 5432: Address already in use"),
        ("127.0.0.1:5432=database.example:1", "names no address"),
    ],
)
def test_a_way_that_cannot_be_opened_is_the_platforms_fault_and_nothing_runs(
    sandbox: Sandbox, study: Study, network: str, why: str
) -> None:
    mark = f"marks-{study.root.name}"
    spec = study.script("print('ran')", mark, network=network)
    end = run(sandbox, spec)
    assert (end.reason, end.exit_code) == ("platform", None)
    assert end.sentence == "A platform fault: the program could not be started."
    assert "the way to the database could not be opened" in end.detail and why in end.detail
    assert b"ran" not in output(spec)
    assert processes_with(mark) == []


@pytest.mark.parametrize(
    "network",
    ["", "database-only", "0.0.0.0:5432=10.0.0.5:1", "127.0.0.1:5432=localhost:1", "127.0.0.1:5432=10.0.0.5"],
)
def test_what_is_no_way_is_refused(network: str) -> None:
    with pytest.raises(ValueError):
        ways(network)


# --- the setting


def test_an_address_alone_keeps_its_port(tmp_path: Path) -> None:
    given = "10.0.0.5:5432, 127.0.0.1:1433=10.0.0.6:1, [2001:DB8::5]:80"
    made = load(tmp_path, {"JOBSITE_DATABASE_HOSTS": given}).database_hosts
    assert made == (
        "127.0.0.1:5432=10.0.0.5:5432",
        "127.0.0.1:1433=10.0.0.6:1",
        "127.0.0.1:80=[2001:db8::5]:80",
    )
    assert ways(",".join(made))[1:] == (Way(1433, "10.0.0.6", 1), Way(80, "2001:db8::5", 80))
    assert load(tmp_path, {}).database_hosts == ()


@pytest.mark.parametrize(
    "hosts",
    [
        "database.example:5432",
        "localhost:5432",
        "10.0.0.5",
        "10.0.0.5:",
        "10.0.0.5:0",
        "10.0.0.5:65536",
        "10.0.0.5:०१",
        "10.0.0.0/8:5432",
        "0.0.0.0:5432",
        "[::]:5432",
        "[fe80::1%eth0]:5432",
        "2001:db8::5:5432",
        "[10.0.0.5]:5432",
        "0.0.0.0:5432=10.0.0.5:5432",
        "127.0.0.1:5432=database.example:5432",
        "127.0.0.1:x=10.0.0.5:5432",
        "=10.0.0.5:x",
        "10.0.0.5:5432,10.0.0.6:5432",
    ],
)
def test_hosts_that_are_no_addresses_stop_the_start(hosts: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DATABASE_HOSTS must be addresses with ports, no names"):
        load(tmp_path, {"JOBSITE_DATABASE_HOSTS": hosts})
