"""How the C library deals with memory that pictures leave behind."""

import ctypes
import logging

_log = logging.getLogger(__name__)

# Parameters of glibc's mallopt (man 3 mallopt), and their values here in bytes or as a number.
_SETTINGS = (
    (-8, 1),  # M_ARENA_MAX: one heap for all threads; another thread's goes back to the system at each close
    (-1, 128 << 20),  # M_TRIM_THRESHOLD: so much freed memory stays for the next picture
    (-3, 32 << 20),  # M_MMAP_THRESHOLD: what is larger is asked for anew, in large pages
)


def keep_freed_memory() -> None:
    """Let the next picture have the memory of the last one; elsewhere than on glibc nothing changes.

    Left alone, glibc gives the reduced levels of a picture back when it is closed and gets them anew, page by
    page, for the next: about a fifth of the time in which a large JPEG is opened.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return
    for parameter, value in _SETTINGS:
        if not mallopt(parameter, value):
            _log.info("mallopt(%d, %d) was refused", parameter, value)
