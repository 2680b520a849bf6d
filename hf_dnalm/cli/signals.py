"""How an interrupted or terminated command ends: with one line, the usual exit code and no child process left."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import MutableMapping

WATCHES_PARENT = "DNALM_WATCHES_PARENT"  # set for workers whose stdin is a pipe from their parent

# How to continue a command that was stopped. The commands not named here start again and leave no partial output.
HOW_TO_CONTINUE = {
    "finetune": "Add --resume to continue from the last checkpoint, if one was written.",
    "embed": "Run the same command again to continue from the finished shards.",
    "score-variants": "Run the same command again to continue from the finished shards.",
    "benchmark": "Run the same command again to compute the missing results.",
    "bend": "Run the same command again to continue from the finished parts.",
}


class Terminated(BaseException):
    """The process received SIGTERM."""


def raise_when_terminated() -> None:
    """Make SIGTERM raise `Terminated`, so that locks are released, partial files deleted and child processes ended."""

    def terminate(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminate)


def stopped(command: str, how: str) -> str:
    """The line that an interrupted or terminated command prints.

    >>> stopped("predict", "interrupted")
    'dnalm predict: interrupted. Nothing was written; run the command again.'
    """
    return f"dnalm {command}: {how}. {HOW_TO_CONTINUE.get(command, 'Nothing was written; run the command again.')}"


def end_with_parent(environment: MutableMapping[str, str]) -> None:
    """End this process when its parent ends, for whatever reason, if the parent is a `dnalm` process too.

    Standard input is then a pipe that the parent never writes to; it closes when the parent ends.
    """
    if environment.pop(WATCHES_PARENT, None) is None:
        return

    descriptor = sys.stdin.fileno()

    def watch() -> None:
        while os.read(descriptor, 1):  # not sys.stdin.read: Python needs the lock of sys.stdin at exit
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(10)  # seconds to clean up
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
