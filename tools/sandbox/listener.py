"""Runs first in a sandbox that may reach ports of the host: listens on them inside, and hands the listeners out.

Started with a socket's number, ports, and the program that it then becomes. Its text is passed to Python, since the
sandbox may not see this file.
"""

import array
import os
import socket
import sys

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def listeners(port: int) -> list[socket.socket]:
    """Return sockets that listen on a port of the sandbox's own loopback."""
    found = []
    for family, address in LOOPBACK:
        listening = socket.socket(family)
        try:
            listening.bind((address, port))
        except OSError:
            if family == socket.AF_INET:
                raise
            continue  # no IPv6 here
        listening.listen(128)
        found.append(listening)
    return found


if __name__ == "__main__":
    told, ports, program = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    with socket.socket(fileno=told) as out:
        for each in ports.split(","):
            open_here = listeners(int(each))
            numbers = array.array("i", [one.fileno() for one in open_here])
            out.sendmsg([each.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
            out.recv(1)
            for one in open_here:
                one.close()
    os.execvp(program[0], program)  # noqa: S606
