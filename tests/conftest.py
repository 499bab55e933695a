"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Where a change is judged (CI is set), examples are the same in each run: a rare case that nobody met yet is
# found by whoever runs the suite by hand, and doesn't refuse a change that has nothing to do with it.
settings.register_profile("patient", deadline=None)  # a machine may be busy
settings.load_profile("ci" if os.environ.get("CI") else "patient")

# Tests never look for a screen, and never touch the folders of the person who runs them.
os.environ["QT_QPA_PLATFORM"] = "offscreen"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures; tests that need it skip where it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real pictures are not on this machine")
    return folder
