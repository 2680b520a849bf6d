"""How a command ends when it is told to: one line, the usual exit code, and no process of it left."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import MutableMapping

WATCHES_PARENT = "DNALM_WATCHES_PARENT"  # set for processes whose standard input is a pipe from the one that began them

# What the same command does after it was stopped, by command; the others begin again and leave nothing half-written.
GOES_ON = {
    "finetune": "Add --resume to continue from the last checkpoint, if one was written.",
    "embed": "The same command continues from the shards that are finished.",
    "score-variants": "The same command continues from the shards that are finished.",
    "benchmark": "The same command continues with the results that are missing.",
    "bend": "The same command continues from what is finished.",
}


class Terminated(BaseException):
    """The process was told to end by SIGTERM."""


def raise_when_terminated() -> None:
    """Let SIGTERM raise `Terminated`, so that locks are released, partial files removed and children ended."""

    def terminate(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)


def stopped(command: str, how: str) -> str:
    """The line that a stopped command prints.

    >>> stopped("predict", "interrupted")
    'dnalm predict: interrupted. Nothing was written; run the command again.'
    """
    return f"dnalm {command}: {how}. {GOES_ON.get(command, 'Nothing was written; run the command again.')}"


def end_with_parent(environment: MutableMapping[str, str]) -> None:
    """Where another process of ours began this one, end when that one ends, however it does.

    The standard input is a pipe that nobody writes to; its other end closes with the parent.
    """
    if environment.pop(WATCHES_PARENT, None) is None:
        return

    descriptor = sys.stdin.fileno()

    def watch() -> None:
        while os.read(descriptor, 1):  # not by sys.stdin, whose lock Python needs when it ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(10)  # seconds for what is in hand
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
