"""The command line of the sandbox: what a job sees of this machine, and with which rights (§4.2;
docs/executors.md).

As an ordinary user everything happens in a new user namespace. As root the mounts are made by root and the
job is then dropped to an ordinary user without capabilities: no job ever runs as root.
"""

import os
import pwd
import resource
import shutil
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from jobsite.jobs.executors.contract import AttemptSpec

WORKSPACE = "/workspace"
_SETPRIV = "/usr/bin/setpriv"
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# What R, fontconfig and the loader need of /etc; none of it is secret.
_CONFIGURATION = ("/etc/R", "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache")
_OPEN_FILES = 4096
_ROOT_CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_DAC_OVERRIDE")
# Outside a user namespace the kernel counts all processes of a user together; there the control group is
# exact.
_SHARED_USER_PROCESSES = 16384
# Programs reserve far more address space than they use; this only stops a runaway between two looks of the
# watcher.
_ADDRESS_SPACE_BEYOND_MEMORY = 16 * 1024**3


def path() -> str | None:
    """Where bwrap is, or None."""
    return shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin:" + os.environ.get("PATH", ""))


def environment(spec: AttemptSpec) -> dict[str, str]:
    """The whole environment of the job; it reaches it by inheritance, so that no value stands on a command
    line."""
    own = {
        "PATH": f"{os.path.dirname(spec.argv[0])}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108 - inside the sandbox, private to it
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    return {**own, **spec.environment}


def options(spec: AttemptSpec, passwd_fd: int) -> list[str]:
    """The options for bwrap but for those that concern the supervisor's pipes. `passwd_fd` holds
    `passwd(spec)`."""
    size = str(scratch_bytes(spec))
    scratch = ("--perms", "1777", "--size", size, "--tmpfs")
    return [
        *_namespaces(spec),
        *("--die-with-parent", "--new-session", "--hostname", "job"),
        *_system_binds(),
        *("--perms", "0444", "--ro-bind-data", str(passwd_fd), "/etc/passwd"),
        *("--proc", "/proc", "--dev", "/dev", *scratch, "/dev/shm", "--remount-ro", "/dev"),  # noqa: S108
        *(*scratch, "/tmp"),  # noqa: S108
        *_visible_binds(visible_paths(spec)),
        *("--bind", spec.work_dir, WORKSPACE, "--remount-ro", "/", "--chdir", WORKSPACE),
    ]


def scratch_bytes(spec: AttemptSpec) -> int:
    """The size of /tmp and of /dev/shm each. They lie in memory and count as such."""
    return max(64 * 1024**2, spec.limits.memory_bytes // 2)


def command(spec: AttemptSpec) -> list[str]:
    """What bwrap starts: for root the step down to the job's user, then the program."""
    return [*(step_down(spec) if os.geteuid() == 0 else ()), *spec.argv]


def resource_limits(spec: AttemptSpec) -> dict[int, int]:
    """The limits that the kernel keeps for each process, by number of the resource. They are set on the first process
    inside the sandbox, where the count of processes is the job's own and not that of everything its user runs."""
    limits = spec.limits
    counted_alone = os.geteuid() != 0 and spec.executor == "sandbox"
    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes + _ADDRESS_SPACE_BEYOND_MEMORY,
        resource.RLIMIT_NPROC: limits.processes + (0 if counted_alone else _SHARED_USER_PROCESSES),
        resource.RLIMIT_FSIZE: limits.disk_bytes,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    most = {which: resource.getrlimit(which)[1] for which in wanted}
    return {
        which: value if most[which] == resource.RLIM_INFINITY else min(value, most[which])
        for which, value in wanted.items()
    }


def step_down(spec: AttemptSpec) -> list[str]:
    """setpriv that turns root into the job's user for good."""
    uid, gid = spec.user
    return [
        *(_SETPRIV, "--reuid", str(uid), "--regid", str(gid), "--clear-groups", "--no-new-privs"),
        *("--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--"),
    ]


def passwd(spec: AttemptSpec) -> bytes:
    """The user data base of the sandbox, so that programs that ask for the user's name get one."""
    uid, gid = spec.user
    return f"job:x:{uid}:{gid}:job:/tmp:/usr/sbin/nologin\n".encode()


def visible_paths(spec: AttemptSpec) -> list[str]:
    """Host paths outside /usr that the job may read: what its interpreter needs, and the binds of the
    spec."""
    wanted = [*interpreter_paths(spec.argv[0], private=_private(spec)), *spec.read_only_binds]
    return list(dict.fromkeys(one for one in wanted if not _below(one, "/usr")))


def interpreter_paths(program: str, private: Iterable[str]) -> list[str]:
    """The folders a program is made of: its own prefix, those of every link on the way to the real file, and
    for a virtual environment the Python it was made from. A prefix that is a home or holds anything of
    `private` is never shown whole, only its programs and libraries."""
    prefixes: list[str] = []
    waiting = [program]
    seen: set[str] = set()
    while waiting:
        step = waiting.pop()
        if step in seen or len(seen) > 64:
            continue
        seen.add(step)
        folder, name = os.path.split(step)
        prefix = os.path.dirname(folder) if os.path.basename(folder) in ("bin", "sbin") else folder
        prefixes.append(prefix)
        if os.path.islink(step):
            waiting.append(os.path.normpath(os.path.join(folder, os.readlink(step))))
        waiting += [f"{base}/python" for base in _base_of_environment(prefix)]
        waiting.append(os.path.join(os.path.realpath(folder), name))
    return [shown for prefix in dict.fromkeys(prefixes) for shown in _shown(prefix, tuple(private))]


def _base_of_environment(prefix: str) -> list[str]:
    """The `bin` folder named by pyvenv.cfg (PEP 405)."""
    try:
        with open(os.path.join(prefix, "pyvenv.cfg"), "rb") as file:
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    pairs = (line.partition("=") for line in lines)
    return [
        os.path.normpath(value.strip())
        for key, _, value in pairs
        if key.strip() == "home" and value.strip().startswith("/")
    ]


def _shown(prefix: str, private: tuple[str, ...]) -> list[str]:
    if prefix not in homes() and not any(_below(one, prefix) for one in private):
        return [prefix] if os.path.isdir(prefix) else []
    parts = (os.path.join(prefix, name) for name in ("bin", "sbin", "lib", "lib64", "pyvenv.cfg"))
    return [part for part in parts if os.path.exists(part) and not any(_below(one, part) for one in private)]


@lru_cache
def homes() -> frozenset[str]:
    """The folders of people, which no sandbox shows whole. Asked once: it takes long."""
    return frozenset({entry.pw_dir for entry in pwd.getpwall()} | {"/", "/home", "/root"})


def _private(spec: AttemptSpec) -> list[str]:
    """The folders that lie in the instance and must stay out of sight."""
    return [spec.attempt_dir, os.path.dirname(spec.work_dir), spec.repo]


def _namespaces(spec: AttemptSpec) -> list[str]:
    shared = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() == 0:
        kept = [word for name in _ROOT_CAPABILITIES for word in ("--cap-add", name)]
        return [*shared, "--cap-drop", "ALL", *kept]
    uid, gid = map(str, spec.user)
    return [*shared, "--unshare-user", "--disable-userns", "--uid", uid, "--gid", gid]


def _system_binds() -> list[str]:
    words = ["--ro-bind", "/usr", "/usr", "--perms", "0755", "--dir", "/etc"]
    for name in _SYSTEM:
        if os.path.islink(name):
            words += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            words += ["--ro-bind", name, name]
    for name in _CONFIGURATION:
        words += ["--ro-bind-try", name, name]
    return words


def _visible_binds(paths: list[str]) -> list[str]:
    """The paths, each at its own place. The folders above are made first: bwrap would close them to the job's
    user."""
    words: list[str] = []
    bound: list[str] = []
    for path in paths:
        above = [str(one) for one in reversed(Path(path).parents)][1:]
        for folder in (one for one in above if not any(_below(one, other) for other in bound)):
            words += ["--perms", "0755", "--dir", folder]
        words += ["--ro-bind", path, path]
        bound.append(path)
    return words


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
