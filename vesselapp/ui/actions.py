"""The one table of actions: menus, toolbar, shortcuts and tooltips are made from it."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QWidget

from vesselapp.ui.icons import icon
from vesselapp.ui.keyboard import HeldKeys


@dataclass(frozen=True)
class ActionSpec:
    """One thing a person can ask for.

    Attributes
    ----------
    key : str
        Name in the code.
    text : str
        Words in menus.
    shortcuts : tuple of str
        In Qt's portable notation; the first is shown.
    menu : str
        The menu it stands in.
    icon : str
        Name of a picture in resources/icons, or "".
    tip : str
        One sentence for tooltip and status line.
    checkable : bool
    group : str
        Checkable actions of one group exclude one another.
    words : str
        Further words that find it in the command palette.
    """

    key: str
    text: str
    shortcuts: tuple[str, ...] = ()
    menu: str = ""
    icon: str = ""
    tip: str = ""
    checkable: bool = False
    group: str = ""
    words: str = ""


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("open", "&Open…", ("Ctrl+O",), "File", "open", "Open pictures"),
    ActionSpec(
        "open_folder", "Open &folder…", ("Ctrl+Shift+O",), "File", "", "Open all pictures of a folder"
    ),
    ActionSpec(
        "new_study", "New &study from a folder…", ("Ctrl+Shift+N",), "File", "", "Make a study of pictures"
    ),
    ActionSpec("open_study", "Open s&tudy…", ("Ctrl+Alt+O",), "File", "", "Open a study's folder"),
    ActionSpec("next", "&Next picture", ("D",), "File", "next", "Go to the next picture"),
    ActionSpec("previous", "&Previous picture", ("A",), "File", "previous", "Go to the previous picture"),
    ActionSpec("save", "&Save now", ("Ctrl+S",), "File", "", "It is saved by itself; this also tries again"),
    ActionSpec("export", "&Export…", ("Ctrl+E",), "File", "export", "Write mask and overlay as pictures"),
    ActionSpec(
        "export_study", "E&xport study…", (), "File", "", "Write all reviewed masks", words="coco whole masks"
    ),
    ActionSpec("batch", "&Batch…", ("Ctrl+Shift+B",), "File", "", "Masks of many pictures into a folder"),
    ActionSpec("quit", "&Quit", ("Ctrl+Q",), "File", "", "Close vesselapp"),
    ActionSpec("undo", "&Undo", ("Ctrl+Z",), "Edit", "undo", "Take back the newest edit"),
    ActionSpec(
        "redo", "&Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "Edit", "redo", "Bring back the edit undone last"
    ),
    ActionSpec(
        "preferences", "&Preferences…", ("Ctrl+,",), "Edit", "", "Your name, memory for undo, provider"
    ),
    ActionSpec(
        "history", "&History", (), "Edit", "", "Go to the list of edits", words="steps undo list go back jump"
    ),
    ActionSpec("PAINT", "&Brush", ("B",), "Tools", "brush", "Paint foreground", True, "tool"),
    ActionSpec("ERASE", "&Erase", ("E",), "Tools", "erase", "Paint background", True, "tool"),
    ActionSpec(
        "RESTORE", "&Restore", ("R",), "Tools", "restore", "Bring back the model's answer", True, "tool"
    ),
    ActionSpec("UNSURE", "&Unsure", ("U",), "Tools", "unsure", "Paint what can't be decided", True, "tool"),
    ActionSpec(
        "TRACE", "&Trace", ("T",), "Tools", "trace", "Follow a vessel from click to click", True, "tool"
    ),
    ActionSpec(
        "STRAIGHTEN",
        "Straighten",
        ("Y",),
        "Tools",
        "straighten",
        "Lay a vessel out straight and draw its edges",
        True,
        "tool",
    ),
    ActionSpec(
        "GROW", "&Grow", ("G",), "Tools", "grow", "Take the region that is like a place", True, "tool"
    ),
    ActionSpec("OUTLINE", "&Fill", ("F",), "Tools", "fill", "Fill a lasso or a polygon", True, "tool"),
    ActionSpec(
        "PIECE", "&Piece", ("K",), "Tools", "piece", "Remove or keep a piece, fill a hole", True, "tool"
    ),
    ActionSpec("SPLIT", "&Split", ("J",), "Tools", "split", "Part touching cells by a line", True, "tool"),
    ActionSpec("doubtful", "&Next doubtful place", ("N",), "Tools", "doubt", "Go where a look matters most"),
    ActionSpec(
        "doubtful_back", "Pre&vious doubtful place", ("Shift+N",), "Tools", "", "Go back to the one before"
    ),
    ActionSpec("swap", "S&wap paint and erase", ("X",), "Tools", "", "Swap paint and erase"),
    ActionSpec("smaller", "S&maller brush", ("[",), "Tools", "", "Make the brush smaller"),
    ActionSpec("larger", "&Larger brush", ("]",), "Tools", "", "Make the brush larger"),
    ActionSpec(
        "cleanup",
        "&Clean up…",
        (),
        "Clean up",
        "",
        "Specks, holes, gaps, spurs; widen or thin the mask",
        words="cleanup clean-up",
    ),
    ActionSpec(
        "specks",
        "Remove &specks",
        (),
        "Clean up",
        "",
        "Show the small pieces of the mask, to remove them",
        words="noise dots dust islands despeckle delete",
    ),
    ActionSpec(
        "holes",
        "Fill &holes",
        (),
        "Clean up",
        "",
        "Show the small holes of the mask, to fill them",
        words="close small holes",
    ),
    ActionSpec(
        "gaps",
        "Bridge &gaps",
        (),
        "Clean up",
        "",
        "Show the gaps in vessels, to bridge them",
        words="connect join close breaks",
    ),
    ActionSpec(
        "spurs",
        "Prune s&purs",
        (),
        "Clean up",
        "",
        "Show the short side branches, to remove them",
        words="hairs twigs stubs delete",
    ),
    ActionSpec(
        "widen",
        "&Widen by 1 px",
        (),
        "Clean up",
        "",
        "Show the mask's rim one px further out, to add it",
        words="dilate dilation thicken thicker expand grow wider",
    ),
    ActionSpec(
        "thin",
        "&Thin by 1 px",
        (),
        "Clean up",
        "",
        "Show the outermost px of the mask, to remove it",
        words="erode erosion shrink narrow thinner",
    ),
    ActionSpec(
        "reviewed_next", "Reviewed, ne&xt", ("Q",), "Review", "", "All of it is right; go to the next picture"
    ),
    ActionSpec("in_progress", "&In progress", ("1",), "Review", "", "Not done yet"),
    ActionSpec("reviewed", "&Reviewed", ("2",), "Review", "", "All of it is right"),
    ActionSpec(
        "nothing_there", "Reviewed, &nothing there", ("3",), "Review", "", "Erase all that was found: empty"
    ),
    ActionSpec("flagged", "&Flagged", ("4",), "Review", "", "To be looked at again"),
    ActionSpec(
        "reviewed_in_sight",
        "Reviewed, only what is in &sight",
        ("5",),
        "Review",
        "",
        "What is in sight is right; nothing is said of the rest",
    ),
    ActionSpec("note", "N&ote…", ("Ctrl+N",), "Review", "", "Write a note on this picture"),
    ActionSpec(
        "rank", "Rank by &doubt", (), "Review", "", "Ask the model about all, the most doubtful first", True
    ),
    ActionSpec("find_picture", "Find a &picture…", ("Ctrl+L",), "Review", "", "Filter the list of pictures"),
    ActionSpec("lower", "&Lower threshold", (",",), "Model", "", "Lower the threshold by one step"),
    ActionSpec("raise", "&Raise threshold", (".",), "Model", "", "Raise the threshold by one step"),
    ActionSpec(
        "lower_coarse",
        "Lower threshold a lot",
        ("Shift+,",),
        "Model",
        "",
        "Lower the threshold by ten steps",
    ),
    ActionSpec(
        "raise_coarse",
        "Raise threshold a lot",
        ("Shift+.",),
        "Model",
        "",
        "Raise the threshold by ten steps",
    ),
    ActionSpec(
        "own_threshold",
        "Model's own &threshold",
        ("M",),
        "Model",
        "",
        "Set the threshold back to the model's own",
    ),
    ActionSpec("run", "Run the &model again", ("F5",), "Model", "", "Run the model on this picture"),
    ActionSpec(
        "learn",
        "&Learn from this picture",
        ("L",),
        "Model",
        "",
        "Adapt the answer everywhere in this picture to your corrections",
    ),
    ActionSpec(
        "own_answer",
        "Use the model's o&wn answer again",
        (),
        "Model",
        "",
        "Show the model's answer as it was before anything was learnt from this picture",
    ),
    ActionSpec(
        "cancel", "&Cancel", ("Esc",), "Model", "", "Take back the stroke under way, or stop the model's run"
    ),
    ActionSpec("open_model", "Use a model &file…", (), "Model", "", "Choose an ONNX file"),
    ActionSpec(
        "about_model", "&About this model…", (), "Model", "", "Show the model's card and what was guessed"
    ),
    ActionSpec(
        "retrain", "&Retrain…", ("Ctrl+Shift+R",), "Model", "", "Let a model learn from what is reviewed"
    ),
    ActionSpec("study_models", "Models of this st&udy…", (), "Model", "", "List the study's numbered models"),
    ActionSpec("fit", "&Fit", ("Ctrl+F",), "View", "fit", "Show all of the picture"),
    ActionSpec(
        "actual", "&100 %", ("Ctrl+0",), "View", "actual", "One pixel of the picture on one of the screen"
    ),
    ActionSpec("zoom_in", "Zoom &in", ("Ctrl++", "Ctrl+="), "View", "", "Zoom in"),
    ActionSpec("zoom_out", "Zoom &out", ("Ctrl+-",), "View", "", "Zoom out"),
    ActionSpec(
        "overlay", "&Overlay", ("S",), "View", "overlay", "Show or hide the overlay (hold H: bare)", True
    ),
    ActionSpec("contour", "&Contour only", ("C",), "View", "contour", "Show the mask by its contour", True),
    ActionSpec(
        "band", "&Band near the threshold", ("Ctrl+B",), "View", "", "Show what is near the threshold", True
    ),
    ActionSpec(
        "told_apart", "&Tell corrections apart", ("Ctrl+T",), "View", "", "Colour what was done by hand", True
    ),
    ActionSpec(
        "opacity",
        "Overlay opacit&y",
        (),
        "View",
        "",
        "Go to the slider of the overlay's opacity",
        words="transparency transparent alpha fade",
    ),
    ActionSpec(
        "colour",
        "Overlay co&lour",
        (),
        "View",
        "",
        "Go to the choice of the overlay's colour",
        words="color mask",
    ),
    ActionSpec("channel", "Next c&hannel", ("V",), "View", "", "Colour, red-free (green), red, blue"),
    ActionSpec(
        "equalised",
        "Local contrast (CLAH&E)",
        (),
        "View",
        "",
        "Even out the picture's contrast; no file is altered",
        True,
        words="equalize equalise enhance histogram",
    ),
    ActionSpec(
        "brightness",
        "Bri&ghtness",
        (),
        "View",
        "",
        "Go to the slider of the picture's brightness",
        words="brighter darker exposure",
    ),
    ActionSpec("contrast", "Contr&ast", (), "View", "", "Go to the slider of the picture's contrast"),
    ActionSpec("gamma", "Gamma", (), "View", "", "Go to the slider of the picture's gamma"),
    ActionSpec(
        "split",
        "&Side by side, wipe",
        ("W",),
        "View",
        "sides",
        "Bare picture beside the mask, or a wipe",
        True,
    ),
    ActionSpec(
        "loupe", "Lou&pe", ("Z",), "View", "", "Show the bare picture under the pointer, larger", True
    ),
    ActionSpec("minimap", "&Minimap", (), "View", "", "Show where you are when zoomed in", True),
    ActionSpec(
        "turn", "T&urn the view", ("Ctrl+R",), "View", "", "Turn the view by a quarter; the picture stays"
    ),
    ActionSpec("mirror", "M&irror the view", ("Ctrl+M",), "View", "", "Swap left and right of the view"),
    ActionSpec("panels", "Side &panels", ("Tab",), "View", "", "Fold the side panels away", True),
    ActionSpec("light", "&Light look", (), "View", "", "Light or dark look", True),
    ActionSpec("palette", "&Commands…", ("Ctrl+K",), "Help", "", "Find any command by its name"),
    ActionSpec("help", "&Keys", ("F1", "?"), "Help", "", "List the keys"),
    ActionSpec("about", "&About", (), "Help", "", "Versions and licences"),
)

TOOLBAR = (
    "open", "previous", "next", "|",
    "PAINT", "ERASE", "RESTORE", "UNSURE", "|",
    "TRACE", "STRAIGHTEN", "GROW", "OUTLINE", "PIECE", "SPLIT", "|",
    "doubtful", "|", "undo", "redo", "|",
    "fit", "actual", "overlay", "contour", "split", "|",
    "export",
)  # fmt: skip
"""Keys of the actions in the toolbar; a bar parts groups."""

_REPEATED = (
    *("undo", "redo", "next", "previous", "smaller", "larger", "zoom_in", "zoom_out"),
    *("lower", "raise", "lower_coarse", "raise_coarse"),
)
"""What goes on while its key is held; all else is done once, for the next picture wasn't seen yet."""

_ROLES = {
    "quit": QAction.MenuRole.QuitRole,
    "preferences": QAction.MenuRole.PreferencesRole,
    "about": QAction.MenuRole.AboutRole,
}
"""What stands in the app's own menu on macOS, whatever its words; all else stays where the table puts it."""


def make_actions(
    owner: QWidget, handlers: dict[str, Callable[..., object]], held: HeldKeys
) -> dict[str, QAction]:
    """Make a QAction for every row of the table, wired to the handler of its key.

    Parameters
    ----------
    owner : QWidget
        Where the shortcuts are heard.
    handlers : dict
        One callable per key; those of checkable actions get the new state.
    held : HeldKeys
        Tells where a key is held that Qt takes for pressed again.
    """
    actions: dict[str, QAction] = {}
    groups: dict[str, QActionGroup] = {}
    for spec in ACTIONS:
        action = QAction(spec.text, owner)
        action.setObjectName(spec.key)
        action.setShortcuts([QKeySequence(keys) for keys in spec.shortcuts])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setAutoRepeat(spec.key in _REPEATED)
        action.setCheckable(spec.checkable)
        action.setMenuRole(_ROLES.get(spec.key, QAction.MenuRole.NoRole))
        action.setStatusTip(spec.tip)
        allow(action, allowed=True)
        action.setData(spec.words)
        if spec.icon:
            action.setIcon(icon(spec.icon, owner.palette()))
        if spec.group:
            group = groups.setdefault(spec.group, QActionGroup(owner))
            group.addAction(action)
        handler = handlers[spec.key]
        if not action.autoRepeat() and not spec.checkable:
            handler = _once(handler, held)
        action.triggered.connect(_slot(handler, checkable=spec.checkable))
        owner.addAction(action)
        actions[spec.key] = action
    return actions


def allow(action: QAction, *, allowed: bool, why: str = "") -> None:
    """Enable an action, or grey it out; a few words in its tooltip and the command palette say why."""
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.PortableText)
    tip = action.statusTip() + (f" ({keys})" if keys else "")
    action.setEnabled(allowed)
    action.setWhatsThis("" if allowed else why)
    action.setToolTip(tip if allowed or not why else f"{tip}\n{why}")


def _once(handler: Callable[..., object], held: HeldKeys) -> Callable[[], None]:
    def run() -> None:
        if not held.repeats:
            held.act()
            handler()

    return run


def _slot(handler: Callable[..., object], *, checkable: bool) -> Callable[[bool], None]:
    """Give what QAction.triggered calls: it hands the new state on where that means something."""

    def run(checked: bool) -> None:
        if checkable:
            handler(checked)
        else:
            handler()

    return run
