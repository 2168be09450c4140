"""One lock for what must not happen on a GPU at the same time in one process.

CUDA allows one graph to be recorded at a time, and a library that is tried out meanwhile would
launch and wait within somebody else's recording. Whoever does either holds this lock.
"""

from threading import RLock

RECORDING = RLock()  # the function that is recorded may itself ask for a library
