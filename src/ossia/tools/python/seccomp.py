"""The filter of system calls under the sandbox: classic BPF, as the kernel's seccomp takes it.

Knows which calls code for computing never needs, and their numbers on the two architectures. What
is refused is what reaches other processes, makes namespaces and mounts, speaks to the network, or
has given the kernel's own holes their way in (io_uring, bpf, userfaultfd). Numbers that are newer
than this table do not exist for the guest. Source: the kernel's seccomp_filter documentation.
"""

import errno
import struct
from collections.abc import Sequence

LAST = {"x86_64": 462, "aarch64": 462}
"""The newest call that this table knows of: mseal."""

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Name: number on x86_64, number on aarch64 (None: it has no such call).
DENIED: dict[str, tuple[int | None, int | None]] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
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
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    # who one is
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "capset": (126, 91),
    "lsm_set_self_attr": (460, 460),
    # keys, and memory and messages that no limit counts
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    # large and seldom used parts of the kernel
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "seccomp": (317, 277),
    "vmsplice": (278, 75),
    "lookup_dcookie": (212, 18),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    # the machine
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "acct": (163, 89),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
}
"""Calls that fail with EPERM, whatever their arguments."""

CHECKED: dict[str, tuple[int, int]] = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "ioctl": (16, 29),
    "personality": (135, 92),
    "prlimit64": (302, 261),
}
"""Calls that depend on an argument."""

_NEW_NAMESPACE = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_AF_UNIX = 1
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


def program(machine: str) -> bytes | None:
    """The filter for a machine as ``platform.machine()`` calls it; None where we have none.

    Returns:
        An array of ``struct sock_filter``: what ``bwrap --seccomp`` reads.
    """
    if machine not in LAST:
        return None
    column = list(LAST).index(machine)
    filter_: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),  # a call by another architecture's numbers
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, LAST[machine] + 1),  # x32's numbers begin far above as well
        _fail(errno.ENOSYS),
    ]
    for numbers in DENIED.values():
        if (number := numbers[column]) is not None:
            filter_ += [(_EQUAL, 0, 1, number), _fail(errno.EPERM)]
    for name, checks in _checks().items():
        filter_ += [(_EQUAL, 0, len(checks) + 1, CHECKED[name][column]), *checks]
        filter_.append((_RETURN, 0, 0, _ALLOW))
    filter_.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in filter_)


def _checks() -> dict[str, Sequence[Instruction]]:
    """What follows the number of a call that depends on an argument.

    The kernel takes each of these arguments as 32 bits, so the upper ones are not looked at.
    """
    only_unix = [_load(0), (_EQUAL, 1, 0, _AF_UNIX), _fail(errno.ENETUNREACH)]
    return {
        "clone": [_load(0), (_ANY_BIT, 0, 1, _NEW_NAMESPACE), _fail(errno.EPERM)],
        "clone3": [_fail(errno.ENOSYS)],  # its flags lie in memory; libraries fall back to clone
        "socket": only_unix,
        "socketpair": only_unix,
        "ioctl": [
            _load(1),
            (_EQUAL, 1, 0, _TIOCSTI),
            (_EQUAL, 0, 1, _TIOCLINUX),
            _fail(errno.EPERM),
        ],
        "personality": [
            _load(0),
            (_EQUAL, 2, 0, 0),
            (_EQUAL, 1, 0, 0xFFFFFFFF),  # asks which it is
            _fail(errno.EPERM),
        ],
        "prlimit64": [_load(0), (_EQUAL, 1, 0, 0), _fail(errno.EPERM)],  # of oneself only
    }


def _load(argument: int) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)


def _fail(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)
