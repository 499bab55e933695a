"""Who is at the computer."""

import getpass
import json

from vesselapp.core.folders import SETTINGS_NAME, settings_folder


def user_name() -> str:
    """Give the login name, empty where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def signing_name() -> str:
    """Give the name that commands sign with: the one in the window's preferences, else the login name."""
    try:
        settings = json.loads((settings_folder() / SETTINGS_NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        settings = None
    name = settings.get("reviewer") if isinstance(settings, dict) else None
    return name if isinstance(name, str) and name else user_name()
