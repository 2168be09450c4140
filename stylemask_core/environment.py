"""What torch reads from the environment when it is loaded: to be imported before it."""

import os
import sys

DEFAULTS = {
    # Threads that wait for each other sleep, see threads.py.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Huge pages for torch's allocator: features of 128 MB are not faulted in 4 kB at a time. Only
    # Linux heeds it.
    "THP_MEM_ALLOC_ENABLE": "1",
}

# Whether it is too late for that: threads that wait spin then, unless people set it themselves.
LATE = "torch" in sys.modules and "OMP_WAIT_POLICY" not in os.environ

for name, value in DEFAULTS.items():
    os.environ.setdefault(name, value)
