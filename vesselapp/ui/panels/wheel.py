"""Lets the wheel scroll a panel instead of changing whatever control happens to be under the pointer."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget


class WheelGuard(QObject):
    """Passes the wheel on to the panel, unless the control under the pointer has the keyboard's focus.

    Parameters
    ----------
    panel : QWidget
        All its sliders, spin boxes and combo boxes are guarded.
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        for kind in (QAbstractSlider, QAbstractSpinBox, QComboBox):
            for control in panel.findChildren(kind):
                if not isinstance(control, QScrollBar):
                    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                    control.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave the wheel to the panel."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False
