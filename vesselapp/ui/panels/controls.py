"""The right-hand panel: all controls under one another, scrolled where the screen is low, never cut."""

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QGroupBox, QScrollArea, QVBoxLayout, QWidget

from vesselapp.state.settings import Settings
from vesselapp.ui.panels.brush import BrushPanel
from vesselapp.ui.panels.cleanup import CleanupPanel
from vesselapp.ui.panels.history import HistoryPanel
from vesselapp.ui.panels.model import ModelPanel
from vesselapp.ui.panels.overlay import OverlayPanel
from vesselapp.ui.panels.picture import PicturePanel
from vesselapp.ui.panels.threshold import ThresholdPanel
from vesselapp.ui.panels.wheel import WheelGuard


class Controls(QScrollArea):
    """Model, threshold, overlay, tool, picture and history."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.model = ModelPanel()
        self.threshold = ThresholdPanel()
        self.overlay = OverlayPanel(settings.overlay_opacity, settings.overlay_colour, settings.contour_only)
        self.brush = BrushPanel(12)
        self.picture = PicturePanel()
        self.cleanup = CleanupPanel()
        self.history = HistoryPanel()
        column = QWidget()
        layout = QVBoxLayout(column)
        for title, panel in (
            ("Model", self.model),
            ("Threshold", self.threshold),
            ("Overlay", self.overlay),
            ("Tool", self.brush),
            ("Picture", self.picture),
            ("Clean up", self.cleanup),
            ("History", self.history),
        ):
            group = QGroupBox(title)
            inside = QVBoxLayout(group)
            inside.setContentsMargins(0, 4, 0, 4)
            inside.addWidget(panel)
            layout.addWidget(group)
        layout.addStretch(1)
        self._guard = WheelGuard(column)
        self.setWidget(column)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:
        """Nothing is cut off at the side, since there is no scrolling sideways."""
        column, bar = self.widget(), self.verticalScrollBar()
        least = super().minimumSizeHint()
        if column is None:
            return least
        return QSize(column.minimumSizeHint().width() + bar.sizeHint().width(), least.height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow what the controls need."""
        if event.type() == QEvent.Type.LayoutRequest and watched is self.widget():
            self.updateGeometry()
        return super().eventFilter(watched, event)
