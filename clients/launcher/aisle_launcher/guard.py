"""Becomes the given program, and makes sure that it dies with the process that started it.

Run as a plain script by an isolated interpreter: `python -I -S guard.py PARENT_PID PROGRAM ARGUMENT...`. The kernel's
wish to kill the process when its parent dies survives `exec`, so the program itself needs to know nothing about it.
On systems without that wish (anything but Linux) the program is started all the same.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the wish, then replace this process."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the wish was heard
            sys.exit(1)
    os.execvp(program[0], program)


if __name__ == "__main__":
    main()
