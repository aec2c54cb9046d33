"""The one way out of the sandbox of a database action: to the database, and to nothing else (§4.2; docs/executors.md).

The sandbox keeps its closed network. A child of the supervisor enters that network for a moment, opens sockets on its
127.0.0.1 and hands them back; the supervisor carries the bytes between whoever connects there and the one address
behind each. Nothing of ours runs in the sandbox, and what ends the supervisor ends the way out.
"""

import ctypes
import fcntl
import os
import selectors
import signal
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

_LONGEST_START = 30.0
_MOST_CONNECTIONS = 128
_READ = 64 * 1024
_MOST_WAITING = 4 * _READ
_MOST_WORDS = 1000
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NS_GET_USERNS = 0xB701
_IP_FREEBIND = 15
_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Way:
    """`port` of the sandbox's 127.0.0.1 leads to `host_port` of `host`, an address of IPv4 or IPv6."""

    port: int
    host: str
    host_port: int

    @property
    def family(self) -> socket.AddressFamily:
        """The kind of `host`."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


def ways(network: str) -> tuple[Way, ...]:
    """The ways in a spec's `network`: words `127.0.0.1:PORT=ADDRESS:PORT` with commas between them, as the setting
    DATABASE_HOSTS makes them. Raises ValueError for anything else, names of machines among it."""
    return tuple(_way(word) for word in network.split(","))


def open_ways(network: str, process: int) -> "Relay":
    """Opens the ways into the network of this process, the first of a sandbox, and carries from then on.

    Call it before this process has threads. Raises OSError with a text for operators.
    """
    try:
        wanted = ways(network)
        handles = _opened_inside(process, [way.port for way in wanted])
        listeners = [socket.socket(fileno=handle) for handle in handles]
        return Relay(dict(zip(listeners, wanted, strict=True)))
    except (OSError, ValueError) as problem:
        raise OSError(f"the way to the database could not be opened: {problem}") from None


class Relay:
    """Carries bytes both ways until `close`, in a thread that ends with its process."""

    def __init__(self, listeners: dict[socket.socket, Way]) -> None:
        self._selector = selectors.DefaultSelector()
        self._end, self._say_end = os.pipe2(os.O_CLOEXEC)
        self._selector.register(self._end, selectors.EVENT_READ)
        self._connections: set[_Connection] = set()
        self._listeners = listeners
        for listener, way in listeners.items():
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, self._to_accept(listener, way))
        self._thread = threading.Thread(target=self._carry, name="database", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends every connection and closes the ways, before it returns."""
        os.close(self._say_end)
        self._thread.join()

    def _carry(self) -> None:
        # The wish that an attempt should end is heard by the main thread.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            while True:
                for key, events in self._selector.select():
                    if key.fd == self._end:
                        return
                    key.data(events)
        finally:
            self._close_all()

    def _close_all(self) -> None:
        for connection in list(self._connections):
            self._drop(connection)
        for listener in self._listeners:
            listener.close()
        self._selector.close()
        os.close(self._end)

    def _to_accept(self, listener: socket.socket, way: Way) -> Callable[[int], None]:
        def accept(_: int) -> None:
            with suppress(OSError):
                inner = listener.accept()[0]
                if len(self._connections) >= _MOST_CONNECTIONS:
                    _reset(inner)
                else:
                    self._connect(inner, way)

        return accept

    def _connect(self, inner: socket.socket, way: Way) -> None:
        """Begins the connection to the database; one that fails is told to the job as one that was broken off."""
        outer = socket.socket(way.family, socket.SOCK_STREAM)
        connection = _Connection(inner, outer)
        self._connections.add(connection)
        for end in (inner, outer):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with suppress(BlockingIOError):
            self._kept(connection, lambda: outer.connect((way.host, way.host_port)))
        self._follow(connection)

    def _kept(self, connection: "_Connection", deed: Callable[[], None]) -> None:
        """Does something with the connection, which ends if that fails. Raises BlockingIOError."""
        try:
            deed()
        except BlockingIOError:
            raise
        except OSError:
            self._drop(connection)

    def _on(self, connection: "_Connection", end: socket.socket) -> Callable[[int], None]:
        def act(events: int) -> None:
            if connection in self._connections:
                with suppress(BlockingIOError):
                    self._kept(connection, lambda: connection.act(end, events))
                self._follow(connection)

        return act

    def _follow(self, connection: "_Connection") -> None:
        """Waits for what the connection can use next; ends it when there is nothing more to carry."""
        if connection not in self._connections:
            return
        if connection.is_done:
            self._connections.discard(connection)
            self._forget(connection)
            connection.close()
            return
        for end in connection.ends:
            self._wait_for(end, connection.wanted(end), self._on(connection, end))

    def _wait_for(self, end: socket.socket, events: int, act: Callable[[int], None]) -> None:
        known = self._selector.get_map().get(end)
        if known and not events:
            self._selector.unregister(end)
        elif known and known.events != events:
            self._selector.modify(end, events, act)
        elif events and not known:
            self._selector.register(end, events, act)

    def _forget(self, connection: "_Connection") -> None:
        for end in connection.ends:
            self._wait_for(end, 0, lambda _: None)

    def _drop(self, connection: "_Connection") -> None:
        """Breaks the connection off, so that neither side takes what it has for the whole."""
        self._connections.discard(connection)
        self._forget(connection)
        for end in connection.ends:
            _reset(end)


class _Flow:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self._source = source
        self._target = target
        self._waiting = bytearray()
        self._ended = False
        self.is_done = False

    @property
    def can_read(self) -> bool:
        return not self._ended and len(self._waiting) < _MOST_WAITING

    @property
    def can_write(self) -> bool:
        return bool(self._waiting) or (self._ended and not self.is_done)

    def read(self) -> None:
        piece = self._source.recv(_READ)
        self._waiting += piece
        self._ended = not piece

    def write(self) -> None:
        """Sends what waits; after the last of it the end, which the other direction outlives."""
        if self._waiting:
            del self._waiting[: self._target.send(self._waiting)]
        if self._ended and not self._waiting:
            self._target.shutdown(socket.SHUT_WR)
            self.is_done = True


class _Connection:
    """Two sockets, that of the sandbox first, and what is on its way between them."""

    def __init__(self, inner: socket.socket, outer: socket.socket) -> None:
        self.ends = (inner, outer)
        self._connecting = True
        to_outer, to_inner = _Flow(inner, outer), _Flow(outer, inner)
        self._from = {inner: to_outer, outer: to_inner}
        self._to = {inner: to_inner, outer: to_outer}

    @property
    def is_done(self) -> bool:
        """Whether both directions have ended."""
        return all(flow.is_done for flow in self._from.values())

    def wanted(self, end: socket.socket) -> int:
        """The events of one socket that are of use now."""
        if self._connecting:
            return selectors.EVENT_WRITE if end is self.ends[1] else 0
        read = selectors.EVENT_READ if self._from[end].can_read else 0
        return read | (selectors.EVENT_WRITE if self._to[end].can_write else 0)

    def act(self, end: socket.socket, events: int) -> None:
        """What these events allow. Raises OSError when the connection is broken."""
        useful = events & self.wanted(end)
        if self._connecting:
            self._finish_connecting()
            return
        if useful & selectors.EVENT_WRITE:
            self._to[end].write()
        if useful & selectors.EVENT_READ:
            self._from[end].read()

    def close(self) -> None:
        """Closes both sockets."""
        for end in self.ends:
            end.close()

    def _finish_connecting(self) -> None:
        failed = self.ends[1].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise OSError(failed, os.strerror(failed))
        self._connecting = False


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    end.close()


def _way(word: str) -> Way:
    inside, _, outside = word.partition("=")
    place, _, port = inside.rpartition(":")
    host, _, host_port = outside.rpartition(":")
    way = Way(int(port), host.removeprefix("[").removesuffix("]"), int(host_port))
    try:
        socket.inet_pton(way.family, way.host)
    except OSError:
        raise ValueError(f"{word!r} names no address") from None
    if place != "127.0.0.1":
        raise ValueError(f"{word!r} does not begin at 127.0.0.1")
    return way


def _opened_inside(process: int, ports: list[int]) -> list[int]:
    """Descriptors of sockets that listen on these ports in the network of that process. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        child = os.fork()
        if child == 0:
            _hand_over(theirs, process, ports)
        theirs.close()
        try:
            ours.settimeout(_LONGEST_START)
            said, handles = socket.recv_fds(ours, _MOST_WORDS, len(ports))[:2]
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    for handle in handles:
        os.set_inheritable(handle, False)
    if len(handles) != len(ports):
        raise OSError(said.decode(errors="replace") or "the process that opens it was lost")
    return handles


def _hand_over(answer: socket.socket, process: int, ports: list[int]) -> NoReturn:
    """The whole life of the child."""
    try:
        _enter_network(process)
        opened = [_listening(port) for port in ports]
        socket.send_fds(answer, [b"open"], [one.fileno() for one in opened])
    except BaseException as problem:  # noqa: BLE001 - whatever it is, the supervisor must hear of it
        answer.send(str(problem).encode()[:_MOST_WORDS])
    finally:
        os._exit(0)


def _enter_network(process: int) -> None:
    """Enters the network of the process, by way of the user namespace that owns it if it is not our own."""
    network = os.open(f"/proc/{process}/ns/net", os.O_RDONLY)
    # A sandbox without a network of its own would open the ways to everybody on this machine.
    if _is_same(network, "net"):
        raise OSError("the sandbox has no network of its own")
    owner = fcntl.ioctl(network, _NS_GET_USERNS)
    if not _is_same(owner, "user"):
        _enter(owner, _CLONE_NEWUSER)
    _enter(network, _CLONE_NEWNET)


def _is_same(namespace: int, kind: str) -> bool:
    theirs, ours = os.fstat(namespace), os.stat(f"/proc/self/ns/{kind}")
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)


def _enter(namespace: int, kind: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, kind) != 0:
        raise OSError(f"setns: {os.strerror(ctypes.get_errno())}")


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # The sandbox may not have given its loopback device an address yet.
    listener.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as problem:
        raise OSError(f"port {port}: {problem.strerror}") from None
    listener.listen(_MOST_CONNECTIONS)
    return listener
