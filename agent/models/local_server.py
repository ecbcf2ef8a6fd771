"""Serves one GGUF file behind an OpenAI-compatible endpoint on loopback; started as a child process.

Usage: local_server.py FILE THREADS, with the access key in TRIMTAB_LOCAL_KEY. Prints its address as one line of
JSON, then serves until its parent closes standard input or dies. Needs only xllamacpp.
"""

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until the parent goes away."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.nice(10)  # evaluations are being timed meanwhile
    import xllamacpp

    file, threads = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path = file
    params.n_ctx = 8192
    params.n_parallel = 1
    params.port = 0
    params.hostnames = ["127.0.0.1"]
    params.api_keys = [os.environ.pop("TRIMTAB_LOCAL_KEY")]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
    params.verbosity = -1
    server = xllamacpp.Server(params)
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    del server
    os._exit(0)


if __name__ == "__main__":
    main()
