"""A system call filter for bubblewrap: no further namespaces, no mounts, no keyrings, no typing into terminals.

Programs never need these calls to be measured, and most ways out of a sandbox begin with one of them. They fail with
EPERM; `clone3`, whose flags a filter cannot see, fails with ENOSYS, so that the C library uses `clone`.
"""

import errno
import os
import platform
import struct
from functools import cache

_ARCH, _NUMBER, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 4, 0, 16, 24  # offsets in struct seccomp_data
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF opcodes on 32-bit words
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag: user, mount, pid, network, ipc, uts, cgroup, time
_TYPE_INTO_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_X32 = 0x40000000

# open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr, open_tree_attr: alike everywhere
_NEW_MOUNT_CALLS = (428, 429, 430, 431, 432, 433, 442, 467)
_CLONE3 = 435

# By architecture: its AUDIT_ARCH number, clone, ioctl, and the calls that are refused: mount, umount, pivot_root,
# unshare, setns, add_key, request_key, keyctl, bpf, userfaultfd.
_X86_64 = (0xC000003E, 56, 16, (165, 166, 155, 272, 308, 248, 249, 250, 321, 323))
_I386 = (0x40000003, 120, 54, (21, 22, 52, 217, 310, 346, 286, 287, 288, 357, 374))
_AARCH64 = (0xC00000B7, 220, 29, (40, 39, 41, 97, 268, 217, 218, 219, 280, 282))
_FAMILIES = {"x86_64": (_X86_64, _I386), "aarch64": (_AARCH64,)}


def supported() -> bool:
    """Return whether there is a filter for this machine's architecture."""
    return platform.machine() in _FAMILIES


def open_filter() -> int | None:
    """Return an open file from which bubblewrap reads the filter, None where there is none. The caller closes it."""
    program = _program(platform.machine())
    if program is None:
        return None
    descriptor = os.memfd_create("seccomp")
    os.write(descriptor, program)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


@cache
def _program(machine: str) -> bytes | None:
    """Return the filter for a kind of machine; calls by an architecture that it does not know are refused."""
    families = _FAMILIES.get(machine)
    return b"".join(map(_for_architecture, families)) + _refuse(errno.EPERM) if families else None


def _for_architecture(family: tuple[int, int, int, tuple[int, ...]]) -> bytes:
    """Return the rules of one architecture, which are skipped when a call comes from another."""
    arch, clone, ioctl, refused = family
    rules = _load(_NUMBER) + _when(_AT_LEAST, _X32, _refuse(errno.ENOSYS))
    rules += _when(_EQUAL, _CLONE3, _refuse(errno.ENOSYS))
    for number in (*refused, *_NEW_MOUNT_CALLS):
        rules += _when(_EQUAL, number, _refuse(errno.EPERM))
    bad_flags = _load(_FIRST_ARGUMENT) + _when(_ANY_BIT, _NEW_NAMESPACES, _refuse(errno.EPERM)) + _allow()
    rules += _when(_EQUAL, clone, bad_flags)
    requests = b"".join(_when(_EQUAL, request, _refuse(errno.EPERM)) for request in _TYPE_INTO_TERMINAL)
    rules += _when(_EQUAL, ioctl, _load(_SECOND_ARGUMENT) + requests + _allow())
    rules += _allow()
    return _load(_ARCH) + _when(_EQUAL, arch, rules)


def _when(test: int, value: int, then: bytes) -> bytes:
    """Return a test of the loaded word that runs `then` when it holds and skips it otherwise."""
    return struct.pack("=HBBI", test, 0, len(then) // 8, value) + then


def _load(offset: int) -> bytes:
    return struct.pack("=HBBI", _LOAD, 0, 0, offset)


def _refuse(error: int) -> bytes:
    return struct.pack("=HBBI", _RETURN, 0, 0, _ERRNO | error)


def _allow() -> bytes:
    return struct.pack("=HBBI", _RETURN, 0, 0, _ALLOW)
