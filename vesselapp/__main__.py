"""Runs the app: ``python -m vesselapp`` is ``vesselapp``."""

import sys

from vesselapp.cli import main

if __name__ == "__main__":
    sys.exit(main())
