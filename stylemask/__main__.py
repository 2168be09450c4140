"""`python -m stylemask`: the command line without installation."""

import sys

from stylemask.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
