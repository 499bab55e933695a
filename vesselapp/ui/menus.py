"""The menus, filled from the table of actions."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent
from PySide6.QtGui import QAction, QHelpEvent
from PySide6.QtWidgets import QMenu, QMenuBar, QToolTip

from vesselapp.ui.actions import ACTIONS


class Menu(QMenu):
    """Says in a tooltip why something is greyed out; what the rest does is told in the status line."""

    def event(self, event: QEvent) -> bool:
        """Show the tooltip of what is greyed out."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            action = self.actionAt(event.pos())
            if action is not None and not action.isEnabled():
                QToolTip.showText(event.globalPos(), action.toolTip(), self)
                return True
        return super().event(event)


def fill_menus(bar: QMenuBar, actions: Mapping[str, QAction]) -> QMenu:
    """Make the menus of the window; gives the one of recent studies, which is empty."""
    menus: dict[str, QMenu] = {}
    recent = QMenu("&Recent studies", bar)
    for spec in ACTIONS:
        if spec.menu not in menus:
            menus[spec.menu] = Menu(f"&{spec.menu}", bar)
            bar.addMenu(menus[spec.menu])
        menus[spec.menu].addAction(actions[spec.key])
        if spec.key == "open_study":
            menus[spec.menu].addMenu(recent)
    return recent
