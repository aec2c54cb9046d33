"""The system-call filter of the sandbox, assembled here as a classic BPF program.

It needs no library: a list of calls that no analysis uses is refused with EPERM, new namespaces and exotic
sockets with them. The layout of `struct seccomp_data` and the constants are those of linux/seccomp.h,
linux/filter.h and linux/audit.h; the call numbers those of the kernel's tables for the two architectures.
"""

import errno
import os
import struct
from functools import lru_cache

_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_SET, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000

# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NEW_NAMESPACES = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
_ORDINARY_SOCKETS = (
    1,
    2,
    10,
    16,
)  # unix, inet, inet6, netlink: all of them belong to the network view of the sandbox
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_X32 = 0x40000000

# name: (x86_64, aarch64); None where the architecture has no such call
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
}

# machine: (AUDIT_ARCH, column of the table, clone, clone3, socket, socketpair, ioctl)
_MACHINES = {
    "x86_64": (0xC000003E, 0, 56, 435, 41, 53, 16),
    "aarch64": (0xC00000B7, 1, 220, 435, 198, 199, 29),
}


@lru_cache
def filter_program(machine: str | None = None) -> bytes | None:
    """The program for this (or the named) machine, ready for bwrap's --seccomp; None for an architecture
    whose call numbers are not known here."""
    known = _MACHINES.get(machine or os.uname().machine)
    if known is None:
        return None
    audit, column, clone, clone3, socket, socketpair, ioctl = known
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_JUMP_IF_EQUAL, audit, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if column == 0:
        program += [_step(_JUMP_IF_AT_LEAST, _X32, 0, 1), _refuse(errno.ENOSYS)]
    for number in (numbers[column] for numbers in _REFUSED.values()):
        if number is not None:
            program += [_step(_JUMP_IF_EQUAL, number, 0, 1), _refuse(errno.EPERM)]
    # clone3 hides its flags behind a pointer; every libc falls back to clone when it seems to be missing.
    program += [_step(_JUMP_IF_EQUAL, clone3, 0, 1), _refuse(errno.ENOSYS)]
    program += _when(clone, [_step(_LOAD, _FIRST_ARGUMENT), *_if_any_bit(_NEW_NAMESPACES, errno.EPERM)])
    for number in (socket, socketpair):
        program += _when(
            number, [_step(_LOAD, _FIRST_ARGUMENT), *_unless_one_of(_ORDINARY_SOCKETS, errno.EAFNOSUPPORT)]
        )
    program += _when(ioctl, [_step(_LOAD, _SECOND_ARGUMENT), *_if_one_of(_TERMINAL_INJECTION, errno.EPERM)])
    program.append(_step(_RETURN, _ALLOW))
    return b"".join(program)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)


def _when(call: int, body: list[bytes]) -> list[bytes]:
    """The body for one call number; it must end every path by itself. Falls through for other numbers."""
    return [_step(_JUMP_IF_EQUAL, call, 0, len(body)), *body]


def _if_any_bit(bits: int, number: int) -> list[bytes]:
    return [_step(_JUMP_IF_SET, bits, 0, 1), _refuse(number), _step(_RETURN, _ALLOW)]


def _if_one_of(values: tuple[int, ...], number: int) -> list[bytes]:
    tests = [_step(_JUMP_IF_EQUAL, value, len(values) - at, 0) for at, value in enumerate(values)]
    return [*tests, _step(_RETURN, _ALLOW), _refuse(number)]


def _unless_one_of(values: tuple[int, ...], number: int) -> list[bytes]:
    tests = [_step(_JUMP_IF_EQUAL, value, len(values) - at, 0) for at, value in enumerate(values)]
    return [*tests, _refuse(number), _step(_RETURN, _ALLOW)]
