"""The Qt window: turns gestures into commands of the state floor."""

import builtins

import PySide6.QtCore  # noqa: F401 - it replaces `__import__`

# PySide6's own `__import__` reads the source of whatever is imported, in search of a `__feature__`, which we
# don't use. Where threads import at once, that can break pydantic until the app's end, and no record is read
# any more. Without it the start is faster, too.
builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)
