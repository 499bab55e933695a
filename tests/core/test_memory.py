"""Memory that a picture leaves behind is there for the next one."""

import platform
import subprocess
import sys

import pytest

_ROUNDS = """
import resource, sys, threading
import numpy as np
from vesselapp.core.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
np.ones(75 << 20, np.uint8)  # a larger picture, gone by now

def levels():
    return [np.ones(size << 20, np.uint8) for size in (18, 6, 5)]

faults = []
for _ in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=levels)
    thread.start()
    thread.join()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sum(faults[2:]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told")
def test_what_one_picture_left_serves_the_next() -> None:
    done = subprocess.run([sys.executable, "-c", _ROUNDS, "kept"], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300, "pages came anew"
