"""The files of a commit as git has them: bytes as committed, without the filters and attributes that `git archive`
would apply. One process of git gives all of an attempt."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Self

_BLOCK = 1024 * 1024
_PIPE = 64 * 1024
_ASKED_AT_ONCE = 200  # names of objects that a pipe holds, so that git is never written to while it writes
_SUBMODULE = 0o160000
_GIT_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
}


class Lacking(OSError):
    """The repository lacks an object, or a part of it."""


@dataclass(frozen=True)
class Blob:
    """A file or link of the commit."""

    path: str
    mode: int
    object_id: str


def files_of(commit: str, objects: "Objects") -> Iterator[Blob]:
    """Files and links of the commit, a full id, without submodules; those of outer folders first.

    Raises Lacking when the commit or a folder of it is not there, and OSError when git was ended.
    """
    trees = [("", f"{commit}^{{commit}}^{{tree}}")]
    while trees:
        inner: list[tuple[str, str]] = []
        objects.ask_for([name for _, name in trees])
        for folder, _ in trees:
            for mode, name, object_id in _entries(b"".join(objects.pieces(b"tree")), len(commit) // 2):
                if stat.S_ISDIR(mode):
                    inner.append((f"{folder}{name}/", object_id))
                elif stat.S_IFMT(mode) != _SUBMODULE:
                    yield Blob(f"{folder}{name}", mode, object_id)
        trees = inner


def _entries(tree: bytes, id_size: int) -> Iterator[tuple[int, str, str]]:
    """Mode, name and id of each entry of a tree: "mode name", a zero byte, and the id, which has so many bytes."""
    at = 0
    while at < len(tree):
        end = tree.index(b"\0", at)
        mode, _, name = tree[at:end].partition(b" ")
        at = end + 1 + id_size
        yield int(mode, 8), os.fsdecode(name), tree[end + 1 : at].hex()


class Objects:
    """The contents of the objects of a repository, read through one `git cat-file --batch`. Raises OSError where there
    is no repository."""

    def __init__(self, repo: str) -> None:
        if not os.path.isdir(repo):
            raise OSError(f"there is no repository at {repo}")
        self._repo = repo
        self._asked: list[str] = []
        self._answered = 0
        self._process = subprocess.Popen(
            [git(), f"--git-dir={repo}", "cat-file", "--batch"],
            env=_GIT_ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=_PIPE,
        )
        self._in: IO[bytes] = self._process.stdin  # type: ignore[assignment]  # PIPE was asked for
        self._out: IO[bytes] = self._process.stdout  # type: ignore[assignment]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._out.close()
        with suppress(BrokenPipeError):
            self._in.close()
        self._process.wait()

    def ask_for(self, names: list[str]) -> None:
        """Asks for these objects, whose contents `pieces` then gives one after the other."""
        self._asked, self._answered = names, 0

    def pieces(self, kind: bytes) -> Iterator[bytes]:
        """The content of the next object, to be read to its end. Raises Lacking when the repository does not hold it
        whole, and OSError when git was ended."""
        if self._answered % _ASKED_AT_ONCE == 0:
            self._send(self._asked[self._answered : self._answered + _ASKED_AT_ONCE])
        name = self._asked[self._answered]
        self._answered += 1
        answer = self._out.readline()
        words = answer.split()
        if len(words) != 3 or words[1] != kind:
            raise self._fault(f"the repository lacks the object {name}", ended=not answer)
        left = int(words[2])
        while left:
            piece = self._out.read(min(left, _BLOCK))
            if not piece:
                raise self._fault(f"the repository holds only a part of the object {name}", ended=True)
            left -= len(piece)
            yield piece
        self._out.read(1)

    def _send(self, names: list[str]) -> None:
        with suppress(BrokenPipeError):  # why it has ended is seen where its answer is missing
            self._in.write("".join(f"{one}\n" for one in names).encode())
            self._in.flush()

    def _fault(self, said: str, *, ended: bool) -> OSError:
        """What an answer that is none means; `ended`: git has come to its end."""
        code = self._process.wait() if ended else 0
        if code < 0:
            return OSError(f"git was ended by signal {-code} while it read {self._repo}")
        return Lacking(said)


@lru_cache
def git() -> str:
    """Where git is; looked for once."""
    return shutil.which("git") or "git"
