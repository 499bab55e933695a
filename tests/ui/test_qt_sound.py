"""Guards against a Qt binding that would bring the app down in use."""

import subprocess
import sys

import pytest
from PySide6.QtGui import QImage


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_calls_into_qt_keep_their_hold_on_none() -> None:
    """PySide6 6.12.0 lost a reference at each call, which ends in an abort after some thousand of them."""
    image = QImage(4, 4, QImage.Format.Format_RGB32)
    before = sys.getrefcount(None)
    for _ in range(3000):
        image.setDevicePixelRatio(1.0)
    assert sys.getrefcount(None) > before - 1500


def test_an_import_reads_no_source_for_the_sake_of_qt() -> None:
    """PySide6's `__import__` does, which could break an import that another thread had begun."""
    script = """
import inspect
import vesselapp.ui.app
read = []
inspect.getsource = lambda module: read.append(module) or ""
import colorsys
assert not read, read
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
