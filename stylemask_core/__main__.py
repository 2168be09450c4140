"""`python -m stylemask_core`: the command line without installation."""

import sys

from stylemask_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
