"""The system libraries that Qt needs on Linux, which are missing, and what brings them on Debian.

Qt ends the whole process, without a word that a newcomer would understand, when its display plugin lacks a
library. So the libraries are tried before Qt is. ``python -m vesselapp.cli.qt_libraries`` prints the Debian
packages.
"""

import ctypes
import sys

# What PySide6's QtCore, QtGui and QtWidgets link to besides libc and libstdc++; the offscreen plugin needs
# no more.
ALWAYS = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}
XCB = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
WAYLAND = {
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
}
_OF_PLATFORM = {"xcb": XCB, "wayland": WAYLAND}


def missing_libraries(platform: str = "xcb") -> list[str]:
    """Give the libraries (file names) that Qt would miss.

    Parameters
    ----------
    platform : str
        Qt's platform plugin: ``xcb``, ``wayland``, or any other, which needs only what Qt always does.

    Returns
    -------
    list of str
        Empty where all is there, and always on other systems than Linux.
    """
    if not sys.platform.startswith("linux"):
        return []
    return [name for name in (ALWAYS | _OF_PLATFORM.get(platform, {})) if not _loads(name)]


def debian_packages(libraries: list[str] | None = None) -> list[str]:
    """Give the Debian and Ubuntu packages that bring libraries; those of an X display where None is given."""
    table = ALWAYS | XCB
    wanted = list(table) if libraries is None else libraries
    everything = table | WAYLAND
    return sorted({everything[name] for name in wanted if name in everything})


def sentence_about(libraries: list[str]) -> tuple[str, str]:
    """Say which libraries are missing, and what to do about it."""
    names = ", ".join(libraries)
    what = f"the system library {names}" if len(libraries) == 1 else f"the system libraries {names}"
    packages = " ".join(debian_packages(libraries))
    hint = f"On Debian and Ubuntu: sudo apt install {packages}." if packages else ""
    return f"The window can't be opened: Qt needs {what}, not found on this computer.", hint


def library_in(problem: ImportError) -> str | None:
    """Give the library that the dynamic linker complains about in an import error, or None."""
    name, found, _ = str(problem).partition(": cannot open shared object file")
    return name.strip() if found and ".so" in name else None


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    print(" ".join(debian_packages()))
