"""Whether a window can be opened here, asked before Qt is: Qt would end the process where it can't."""

import ctypes
import os
import sys
from pathlib import Path

from vesselapp.cli.qt_libraries import missing_libraries

_NEED_NO_DISPLAY = ("offscreen", "minimal", "minimalegl", "vnc", "linuxfb", "eglfs", "vkkhrdisplay")


def qt_platform() -> str | None:
    """Give the platform plugin that Qt will use on Linux, or None where there is no display for it."""
    if not sys.platform.startswith("linux"):
        return sys.platform
    wished = os.environ.get("QT_QPA_PLATFORM", "").split(";")[0].split(":")[0]
    if wished in _NEED_NO_DISPLAY:
        return wished
    on_wayland, on_x = _wayland_answers(), _x_answers()
    if wished.startswith("wayland"):
        return wished if on_wayland else None
    if wished == "xcb":
        return wished if on_x else None
    if on_x and (os.environ.get("XDG_SESSION_TYPE") != "wayland" or missing_libraries("wayland")):
        return "xcb"
    return "wayland" if on_wayland else "xcb" if on_x else None


def _wayland_answers() -> bool:
    name = os.environ.get("WAYLAND_DISPLAY")
    return bool(name) and Path(os.environ.get("XDG_RUNTIME_DIR", "/"), str(name)).exists()


def _x_answers() -> bool:
    """Tell whether an X server takes a connection; a DISPLAY may be left over from one that is gone."""
    if not os.environ.get("DISPLAY"):
        return False
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # the missing library is the thing to tell, and it is told elsewhere
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)
