"""The folders on this computer that are the user's."""

from pathlib import Path

import platformdirs

_APP = "vesselapp"

SETTINGS_NAME = "settings.json"
"""The settings' file, in their folder."""


def data_folder() -> Path:
    """Give the folder of what the user keeps, own models for one (it may not exist yet)."""
    return Path(platformdirs.user_data_dir(_APP, appauthor=False))


def settings_folder() -> Path:
    """Give the folder of the settings (it may not exist yet)."""
    return Path(platformdirs.user_config_dir(_APP, appauthor=False))


def cache_folder() -> Path:
    """Give the folder of what can be made anew (it may not exist yet)."""
    return Path(platformdirs.user_cache_dir(_APP, appauthor=False))


def log_folder() -> Path:
    """Give the folder of the log files (it may not exist yet)."""
    return Path(platformdirs.user_log_dir(_APP, appauthor=False))
