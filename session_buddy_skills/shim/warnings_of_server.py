"""What the server warns of in its log, on the standard error of a shim: hosts show that to users.

Not all of the log, which twenty hosts would each show, and some never read.
"""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

LOOK_SECONDS = 1.0
STDERR = 2
_BEGINS = re.compile(rb"\d{4}-\d\d-\d\d [\d:,]+ (\w+) ")
_PASSED_ON = {b"WARNING", b"ERROR", b"CRITICAL"}


def follow(log: Path) -> None:
    """Pass on what is written from now on, in a thread that ends with the program."""
    threading.Thread(target=_follow, args=(log, _size(log)), daemon=True).start()


def _follow(log: Path, position: int) -> None:
    rest, passing = b"", False
    while True:
        time.sleep(LOOK_SECONDS)
        if (size := _size(log)) == position:
            continue
        if size < position:  # it was made anew
            rest, position = b"", 0
        try:
            with log.open("rb") as file:
                file.seek(position)
                *lines, rest = (rest + file.read()).split(b"\n")
                position = file.tell()
        except OSError:
            continue  # it is tried again
        told = b""
        for line in lines:
            if begins := _BEGINS.match(line):
                passing = begins[1] in _PASSED_ON
            if passing:
                told += line + b"\n"
        try:
            # Not `sys.stderr`, whose lock others would wait for where the host does not read.
            while told:
                told = told[os.write(STDERR, told) :]
        except OSError:
            return  # the host has closed it, and there is nobody to tell


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0
