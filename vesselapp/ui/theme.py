"""The app's look: quiet, dark first, one accent colour."""

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from vesselapp.core.resources import resource_path

ACCENT = "#4c9be8"
ACCENT_ON_LIGHT = "#1c6fc4"

_DARK = {
    "Window": "#232529", "WindowText": "#e4e6ea", "Base": "#1b1c1f", "AlternateBase": "#26282c",
    "Text": "#e4e6ea", "Button": "#2d3035", "ButtonText": "#e4e6ea", "BrightText": "#ffffff",
    "ToolTipBase": "#33363c", "ToolTipText": "#e4e6ea", "PlaceholderText": "#8b9099",
    "Highlight": ACCENT, "HighlightedText": "#0b1016", "Link": ACCENT,
    "Light": "#3a3d43", "Midlight": "#33363c", "Mid": "#1b1c1f", "Dark": "#141517", "Shadow": "#000000",
}  # fmt: skip
_LIGHT = {
    "Window": "#f1f2f4", "WindowText": "#1d2025", "Base": "#ffffff", "AlternateBase": "#f6f7f8",
    "Text": "#1d2025", "Button": "#e6e8eb", "ButtonText": "#1d2025", "BrightText": "#000000",
    "ToolTipBase": "#ffffff", "ToolTipText": "#1d2025", "PlaceholderText": "#656a72",
    "Highlight": ACCENT_ON_LIGHT, "HighlightedText": "#ffffff", "Link": ACCENT_ON_LIGHT,
    "Light": "#ffffff", "Midlight": "#f6f7f8", "Mid": "#c9ccd1", "Dark": "#a4a8af", "Shadow": "#60646b",
}  # fmt: skip
_DISABLED = {"dark": "#6d727b", "light": "#9a9fa7"}

_SHEET = """
QToolBar {{ border: 0; spacing: 2px; padding: 3px; }}
QToolButton {{ border: 1px solid transparent; border-radius: 5px; padding: 4px 6px; }}
QToolButton:hover {{ background: {hover}; }}
QToolButton:checked {{ background: {checked}; border-color: {accent}; }}
QToolButton:focus {{ border-color: {accent}; }}
#qt_toolbar_ext_button {{ padding: 0; border: 0; background: {hover}; }}
#qt_toolbar_ext_button:hover {{ background: {checked}; }}
QDockWidget::title {{ padding: 5px 8px; }}
QGroupBox {{ border: 0; margin-top: 1.5em; font-weight: 600; }}
QGroupBox::title {{ subcontrol-origin: margin; left: 0; }}
QStatusBar::item {{ border: 0; }}
QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {edge}; border-radius: 3px; }}
QCheckBox::indicator:checked {{ background: {accent}; border-color: {accent}; image: url("{check}"); }}
QCheckBox::indicator:focus {{ border-color: {accent}; }}
QRadioButton::indicator {{ width: 12px; height: 12px; border: 1px solid {edge}; border-radius: 7px; }}
QRadioButton::indicator:checked {{ width: 6px; height: 6px; border: 4px solid {accent}; background: white; }}
QRadioButton::indicator:disabled {{ border-color: {line}; }}
QRadioButton::indicator:focus {{ border-color: {accent}; }}
#notice {{ background: {notice}; border: 1px solid {accent}; border-radius: 6px; }}
#banner {{ background: {banner}; border: 1px solid {line}; border-radius: 6px; }}
#saved[failing="true"] {{ color: {warning}; font-weight: 600; }}
#badge {{ border: 1px solid {line}; border-radius: 4px; padding: 1px 6px; font-weight: 600; }}
#badge[fallback="true"] {{ border-color: #d9822b; color: {warning}; }}
"""


def apply_theme(app: QApplication, name: str) -> None:
    """Dress the app: ``"dark"`` or ``"light"``."""
    light = name == "light"
    palette = QPalette()
    for role, colour in (_LIGHT if light else _DARK).items():
        palette.setColor(QPalette.ColorRole[role], QColor(colour))
    disabled = QColor(_DISABLED["light" if light else "dark"])
    for role in ("WindowText", "Text", "ButtonText"):
        palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole[role], disabled)
    app.setStyle("Fusion")
    app.setPalette(palette)
    app.setStyleSheet(
        _SHEET.format(
            hover="#dfe2e6" if light else "#34373d",
            checked="#d3e4f7" if light else "#2b4058",
            notice="#fff8e6" if light else "#3a3526",
            banner="#e8eef6" if light else "#26303c",
            warning="#a85a10" if light else "#f0a95c",
            edge="#7d838c" if light else "#7b818a",
            check=resource_path("icons/check.svg").as_posix(),
            line="#c9ccd1" if light else "#4a4e55",
            accent=ACCENT_ON_LIGHT if light else ACCENT,
        )
    )


def surround_colour(name: str) -> tuple[int, int, int]:
    """Give the colour around the picture, so that the picture is the only bright thing on the screen."""
    return (206, 209, 214) if name == "light" else (20, 21, 23)
