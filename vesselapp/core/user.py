"""Who is at the computer."""

import getpass


def user_name() -> str:
    """Give the login name, empty where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
