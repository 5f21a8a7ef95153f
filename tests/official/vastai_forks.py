"""Runs in the environment of the official command line: every command in a fork of one process that has imported it.

Importing it costs a second of processor time, running it a tenth. Each line of the input is a JSON object: `words`, and
the files for its `out` and `err`. Each line of the output, in the order in which commands end, is one: `out`, `code`.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import sys

from vastai.cli import commands
from vastai.cli.main import main


def run(job) -> None:
    """As if the command had been called from a shell."""
    for number, name in enumerate((os.devnull, job["out"], job["err"])):
        file = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
    sys.argv = ["vastai", *job["words"]]
    sys.exit(main())


def attend(job) -> None:
    """Start it, wait for it, tell of its end. No threads: what is forked from a process with threads may wait for ever."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        run(job)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(1, json.dumps({"out": job["out"], "code": code}).encode() + b"\n")
    os._exit(0)


def serve() -> None:
    for module in pkgutil.iter_modules(commands.__path__):  # else each command imports them all
        importlib.import_module(f"{commands.__name__}.{module.name}")
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that attend
    for line in sys.stdin:
        job = json.loads(line)
        if os.fork() == 0:
            attend(job)


if __name__ == "__main__":
    serve()
