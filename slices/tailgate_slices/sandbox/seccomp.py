"""A filter of system calls: a program that starts processes, opens sockets or mounts is ended on the spot.

Namespaces and limits contain such a program anyway. The filter is a second wall around it and, because the kernel
ends the program with a signal of its own (SIGSYS), tells that it tried. The text of a filter is a classic BPF
program, see seccomp(2): load a word of the call's description, compare, return an action.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_ENOSYS = 38
_NUMBER_AT, _ARCHITECTURE_AT, _FLAGS_AT = 0, 4, 16  # offsets in struct seccomp_data; the first argument's low half
_X32 = 0x40000000  # calls of the x32 convention, which would pass by every comparison
_CLONE_THREAD = 0x00010000

# The same on all processors: Linux 5.1 and later number new calls once.
_COMMON = {
    "pidfd_send_signal": 424, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "pidfd_open": 434, "pidfd_getfd": 438, "mount_setattr": 442, "memfd_secret": 447,
}  # fmt: skip
_X86_64 = {
    "shmget": 29, "shmat": 30, "socket": 41, "fork": 57, "vfork": 58, "semget": 64, "msgget": 68, "ptrace": 101,
    "syslog": 103, "pivot_root": 155, "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165,
    "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "iopl": 172, "ioperm": 173, "init_module": 175,
    "delete_module": 176, "quotactl": 179, "clock_settime": 227, "mq_open": 240, "kexec_load": 246, "add_key": 248,
    "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
    "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
}  # fmt: skip
_AARCH64 = {
    "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "quotactl": 60, "acct": 89, "unshare": 97,
    "kexec_load": 104, "init_module": 105, "delete_module": 106, "clock_settime": 112, "syslog": 116, "ptrace": 117,
    "reboot": 142, "settimeofday": 170, "adjtimex": 171, "mq_open": 180, "msgget": 186, "semget": 190, "shmget": 194,
    "shmat": 196, "socket": 198, "add_key": 217, "request_key": 218, "keyctl": 219, "swapon": 224, "swapoff": 225,
    "perf_event_open": 241, "name_to_handle_at": 264, "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268,
    "process_vm_readv": 270, "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "userfaultfd": 282,
    "kexec_file_load": 294,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """How a processor numbers system calls."""

    audit: int
    clone: int
    ended: Mapping[str, int]  # calls that end the program
    absent: Mapping[str, int]  # calls that interpreters try and can do without


# clone3 hides its flags from filters; without it the C library uses clone. Memory files would escape every limit.
_ABSENT = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435}
ARCHITECTURES = {
    "x86_64": Architecture(
        audit=0xC000003E, clone=56, ended={**_COMMON, **_X86_64}, absent={**_ABSENT, "memfd_create": 319}
    ),
    "aarch64": Architecture(
        audit=0xC00000B7, clone=220, ended={**_COMMON, **_AARCH64}, absent={**_ABSENT, "memfd_create": 279}
    ),
}


def filter_program(machine: str | None = None) -> bytes | None:
    """The filter for a processor (this one unless named), None where its system calls are not known."""
    architecture = ARCHITECTURES.get(machine or platform.machine())
    if architecture is None:
        return None
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in _instructions(architecture))


def _instructions(architecture: Architecture) -> Iterator[tuple[int, int, int, int]]:
    """Instructions as (code, skip if true, skip if false, operand)."""
    yield _LOAD, 0, 0, _ARCHITECTURE_AT
    yield _EQUAL, 1, 0, architecture.audit
    yield _RETURN, 0, 0, _KILL
    yield _LOAD, 0, 0, _NUMBER_AT
    yield _AT_LEAST, 0, 1, _X32
    yield _RETURN, 0, 0, _KILL
    for number in architecture.ended.values():
        yield _EQUAL, 0, 1, number
        yield _RETURN, 0, 0, _KILL
    for number in architecture.absent.values():
        yield _EQUAL, 0, 1, number
        yield _RETURN, 0, 0, _ERROR | _ENOSYS
    yield _EQUAL, 0, 3, architecture.clone
    yield _LOAD, 0, 0, _FLAGS_AT
    yield _ANY_BIT, 1, 0, _CLONE_THREAD  # a thread is allowed, a process is not
    yield _RETURN, 0, 0, _KILL
    yield _RETURN, 0, 0, _ALLOW
