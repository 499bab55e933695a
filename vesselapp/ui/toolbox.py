"""The tools a person can take in hand, each keeping its own brush size."""

from PySide6.QtGui import QCursor

from vesselapp.state.brush import Brush
from vesselapp.ui.actions import ACTIONS
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.icons import tool_cursor
from vesselapp.ui.tools.base import Tool
from vesselapp.ui.tools.brush import BrushTool, StrokeEnds

DEFAULT_DIAMETER = {"PAINT": 8, "ERASE": 16, "RESTORE": 24, "UNSURE": 16}
HINTS = {
    "TRACE": "Click along a vessel, a double click ends; right button removes it; Shift: a straight piece; "
    "[ ] narrower, wider; Backspace goes back",
    "STRAIGHTEN": "Y over a vessel, or drag from end to end; draw its edges; right button takes it away; "
    "[ ] a line instead; N the next vessel, arrows go along it and push its edges; Esc closes",
    "GROW": "Press on a place and drag right for more; right button takes away",
    "OUTLINE": "Drag round an area or click its corners; right button cuts out; a double click or Enter ends",
    "PIECE": "Click a piece to remove it (Shift: all others), a hole to fill it; right button keeps it",
    "SPLIT": "Drag a line across touching cells; right button joins",
}
ICONS = {spec.key: spec.icon for spec in ACTIONS if spec.group == "tool"}
TOOL_KEYS = tuple(ICONS)
BRUSH_HINT = "[ ]   Shift+wheel   Alt+drag; Shift+click: straight line"


class Toolbox:
    """Makes the tools for a canvas and knows which one is in hand.

    Parameters
    ----------
    canvas : Canvas
    diameters : dict
        Brush sizes (px) by tool, as kept from the last time.
    """

    def __init__(self, canvas: Canvas, diameters: dict[str, int]) -> None:
        self._canvas = canvas
        self.diameters = DEFAULT_DIAMETER | {
            key: px for key, px in diameters.items() if key in DEFAULT_DIAMETER
        }
        self._tools: dict[str, Tool] = {}
        self._ends = StrokeEnds()
        self._cursors: dict[str, QCursor] = {}
        self.key = "PAINT"
        self.choose(self.key)

    def choose(self, key: str) -> None:
        """Take a tool in hand."""
        self.key = key
        if key not in self._cursors:
            self._cursors[key] = tool_cursor(ICONS[key], self._canvas.devicePixelRatioF())
        self._canvas.set_tool(self._tool(key), self._cursors[key])
        if key in self.diameters:
            self._canvas.set_diameter(self.diameters[key])

    def _tool(self, key: str) -> Tool:
        if key not in self._tools:
            self._tools[key] = _made(key, self._canvas, self._ends)
        return self._tools[key]

    def swap(self) -> str:
        """Give the key of what paint and erase swap to."""
        return "PAINT" if self.key == "ERASE" else "ERASE"

    def keep_diameter(self, diameter: int) -> None:
        """Keep a new brush size for the tool in hand."""
        if self.key in self.diameters:
            self.diameters[self.key] = diameter

    @property
    def name(self) -> str:
        """What the tool in hand is called."""
        return self._tool(self.key).name

    @property
    def hint(self) -> str:
        """How the tool in hand is used."""
        return HINTS.get(self.key, BRUSH_HINT)


def _made(key: str, canvas: Canvas, ends: StrokeEnds) -> Tool:
    """Make a tool when it is first taken in hand, so that the start doesn't wait for what it needs."""
    if key in Brush.__members__:
        return BrushTool(canvas, Brush[key], ends)
    from vesselapp.ui.tools.grow import GrowTool
    from vesselapp.ui.tools.outline import OutlineTool
    from vesselapp.ui.tools.pieces import PieceTool, SplitTool
    from vesselapp.ui.tools.straighten import StraightenTool
    from vesselapp.ui.tools.trace import TraceTool

    made = {
        "TRACE": TraceTool,
        "STRAIGHTEN": StraightenTool,
        "GROW": GrowTool,
        "OUTLINE": OutlineTool,
        "PIECE": PieceTool,
        "SPLIT": SplitTool,
    }
    return made[key](canvas)
