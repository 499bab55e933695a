"""The left-hand panel: the pictures at hand with their states, a filter, an order, the open one's note."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QPlainTextEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vesselapp.state.pictures import Entry, Mark, Order, PictureList, Show
from vesselapp.state.thumbnails import Thumbnails
from vesselapp.ui.marks import mark_icon
from vesselapp.ui.panels.picture_rows import ENTRY_ROLE, PictureModel, PictureRow

_SETTLE_MS = 30
_REST_OF_NOTE_MS = 1000
_NOTE_SETTLE_MS = 600
_NOTE_LINES = 3
STATE_ACTIONS = {
    "in_progress": Mark.IN_PROGRESS,
    "reviewed": Mark.REVIEWED,
    "nothing_there": Mark.NOTHING_THERE,
    "flagged": Mark.FLAGGED,
}


class PicturesPanel(QWidget):
    """Lists the pictures; thousands of rows cost no more than those in sight.

    Parameters
    ----------
    pictures : PictureList
    thumbnails : Thumbnails

    Signals
    -------
    chosen : Entry
        A person wants to open it.
    noted : str
        The open picture's note was changed.
    left : none
        Escape in a field, or Enter in the filter: the canvas should get the keyboard again.
    """

    chosen = Signal(object)
    noted = Signal(str)
    left = Signal()

    def __init__(self, pictures: PictureList, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.pictures = pictures
        self.thumbnails = thumbnails
        self.count = QLabel("")
        self.count.setAccessibleName("Pictures reviewed")
        self.text_field = QLineEdit()
        self.text_field.setPlaceholderText("Filter by name or note")
        self.text_field.setAccessibleName("Filter by name or note")
        self.text_field.setClearButtonEnabled(True)
        self.show_box = _combo("Which pictures are shown", Show)
        self.order_box = _combo("Order of the pictures", Order)
        self.view = QListView()
        self.view.setAccessibleName("Pictures")
        self.model = PictureModel(pictures, self.view)
        self.rows = PictureRow(thumbnails, self.view)
        self._make_view()
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(2)
        self.note = QPlainTextEdit()
        self.note.setAccessibleName("Note on the open picture")
        self.note.setPlaceholderText("Note on this picture")
        self.note.setTabChangesFocus(True)
        self.note.setFixedHeight(_NOTE_LINES * self.note.fontMetrics().lineSpacing() + 12)
        self._lay_out()
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._note_settle = QTimer(self, singleShot=True, interval=_NOTE_SETTLE_MS)
        self._rest_of_note = QTimer(self, singleShot=True, interval=_REST_OF_NOTE_MS)
        self._bind()
        self._on_changed()
        self._may_note = self._cut_off = False
        self.show_note("", enabled=False)

    def _make_view(self) -> None:
        view = self.view
        view.setModel(self.model)
        view.setItemDelegate(self.rows)
        view.setUniformItemSizes(True)
        view.setMouseTracking(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        view.viewport().installEventFilter(self)

    def _lay_out(self) -> None:
        boxes = QHBoxLayout()
        boxes.setSpacing(4)
        boxes.addWidget(self.show_box, 1)
        boxes.addWidget(self.order_box, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 2, 2, 4)
        layout.setSpacing(4)
        layout.addWidget(self.count)
        layout.addWidget(self.text_field)
        layout.addLayout(boxes)
        layout.addWidget(self.view, 1)
        layout.addLayout(self._buttons)
        layout.addWidget(self.note)

    def _bind(self) -> None:
        self.pictures.changed.connect(self._on_changed)
        self.pictures.touched.connect(self._on_touched)
        self.pictures.changed_rows.connect(self._on_rows)
        self.thumbnails.ready.connect(self.model.touch)
        self.text_field.textChanged.connect(lambda text: self.pictures.arrange(text=text))
        self.text_field.returnPressed.connect(self.left)
        self.show_box.activated.connect(lambda _row: self.pictures.arrange(self.show_box.currentData()))
        self.order_box.activated.connect(lambda _row: self.sort_by(self.order_box.currentData()))
        self.view.clicked.connect(self._on_clicked)
        self.view.selectionModel().currentChanged.connect(lambda index, _before: self._choose(index))
        self.view.verticalScrollBar().valueChanged.connect(lambda _value: self._settle.start())
        self.note.textChanged.connect(self._note_settle.start)
        self._settle.timeout.connect(self._ask_for_thumbnails)
        self._note_settle.timeout.connect(self.keep_note)
        self._rest_of_note.timeout.connect(self._end_rest_of_note)
        for field in (self.text_field, self.note, self.view):
            field.installEventFilter(self)
            field.setAcceptDrops(False)  # a dropped file is the window's to open, and no text

    def show_actions(self, actions: dict[str, QAction]) -> None:
        """Put the commands that set the open picture's state under the list."""
        for key in STATE_ACTIONS:
            button = QToolButton()
            button.setDefaultAction(actions[key])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setAccessibleName(actions[key].toolTip())
            self._buttons.addWidget(button)
        self.draw_marks(actions, self.palette())

    def draw_marks(self, actions: dict[str, QAction], palette: QPalette) -> None:
        """Draw the signs of these commands in a palette's colours."""
        for key, mark in STATE_ACTIONS.items():
            actions[key].setIcon(mark_icon(mark, palette))

    def sort_by(self, order: Order) -> None:
        """Sort the list; the same order again takes in what has changed since."""
        self.pictures.arrange(order=order)
        self.show_order()

    def show_order(self) -> None:
        """Show what the list is sorted by."""
        self.order_box.setCurrentIndex(self.order_box.findData(self.pictures.order))
        self.rows.order = self.pictures.order
        self.view.viewport().update()

    # -- the open picture --------------------------------------------------------------------------------

    def show_current(self) -> None:
        """Choose the row of the open picture and bring it into sight."""
        row = self.model.row_of(self.pictures.current)
        index = self.model.index(row) if row >= 0 else QModelIndex()
        with QSignalBlocker(self.view.selectionModel()):
            self.view.setCurrentIndex(index)
        self.view.viewport().update()
        if row >= 0:
            self.view.scrollTo(index)
        self._settle.start()

    def show_note(self, note: str, *, enabled: bool) -> None:
        """Show the open picture's note."""
        if self.note.toPlainText() != note:
            with QSignalBlocker(self.note):
                self.note.setPlainText(note)
        self._note_settle.stop()
        self.enable_note(enabled)

    def enable_note(self, enabled: bool) -> None:
        """Say whether the note can be written.

        Where it can't any longer while a person types, keys do nothing until there is a pause: the rest of
        what was being written is no command, and of no other picture. Then the keyboard goes back.
        """
        if not enabled and self.note.hasFocus() and not self.note.isReadOnly():
            self._cut_off = True
            self._rest_of_note.start()
        self._may_note = enabled
        self._settle_note()

    def _end_rest_of_note(self) -> None:
        self._cut_off = False
        if self.note.hasFocus():
            self.left.emit()  # before the field can't have it any longer: Qt would choose who is next
        self._settle_note()

    def _settle_note(self) -> None:
        writable = self._may_note and not self._cut_off
        if writable and (self.note.isReadOnly() or not self.note.isEnabled()):
            self._note_settle.start()  # what couldn't be kept while it was locked is kept now
        self.note.setReadOnly(not writable)
        self.note.setEnabled(writable or self._cut_off)

    def keep_note(self) -> None:
        """Hand on what was written, without waiting for the pause that ends it."""
        self._note_settle.stop()
        if self.note.isEnabled() and not self.note.isReadOnly():
            self.noted.emit(self.note.toPlainText())

    # -- events ------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Give the keyboard back on Escape, keep a note when its field is left, follow the list's size."""
        kind = event.type()
        if kind == QEvent.Type.Resize and watched is self.view.viewport():
            self._settle.start()
        elif kind == QEvent.Type.FocusOut and watched is self.note:
            if self._cut_off:
                self._rest_of_note.stop()
                self._end_rest_of_note()
            if self._note_settle.isActive():
                self.keep_note()
        elif kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            escapes = event.key() == Qt.Key.Key_Escape and watched is not self.view.viewport()
            if escapes or self._swallows(watched, event):
                event.accept()
        elif kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape:
                self.left.emit()
                return True
            if self._swallows(watched, event):
                self._rest_of_note.start()
                return True
        return False

    def _swallows(self, watched: QObject, key: QKeyEvent) -> bool:
        """Tell whether a key belongs to the rest of a note; those with Ctrl and the like, and F5, don't."""
        if watched is not self.note or not self._cut_off:
            return False
        control, alt = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
        held = key.modifiers() & (control | alt | Qt.KeyboardModifier.MetaModifier)
        is_command = bool(held) and held != control | alt  # both together are AltGr on Windows
        return not is_command and not Qt.Key.Key_F1 <= key.key() <= Qt.Key.Key_F35

    def _on_changed(self) -> None:
        self._count()
        self.show_current()

    def _on_touched(self, entry: Entry) -> None:
        self._count()
        if entry is self.pictures.current and not self.note.hasFocus():
            self.show_note(entry.note, enabled=self._may_note)

    def _on_rows(self, _entries: object) -> None:
        self._count()
        self.view.viewport().update()

    def _count(self) -> None:
        entries, shown = len(self.pictures.entries), len(self.pictures.shown)
        words = f"{self.pictures.reviewed} of {entries} reviewed" if entries else "No pictures"
        self.count.setText(words + (f", {shown} shown" if shown != entries else ""))

    def _on_clicked(self, index: QModelIndex) -> None:
        self._choose(index)
        self.left.emit()

    def _choose(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY_ROLE)
        if entry is not None and entry is not self.pictures.current:
            self.chosen.emit(entry)

    def _ask_for_thumbnails(self) -> None:
        """Ask for the small copies of the rows in sight, then of those a page below and above."""
        viewport = self.view.viewport()
        first = max(0, self.view.indexAt(viewport.rect().topLeft()).row())
        height = max(1, self.view.sizeHintForRow(0))
        page = viewport.height() // height + 2
        rows = [*range(first, first + 2 * page), *range(max(0, first - page), first)]
        paths = [self.pictures.shown[row].path for row in rows if row < len(self.pictures.shown)]
        self.thumbnails.want([path for path in paths if path is not None])


def _combo(name: str, kinds: type[Show] | type[Order]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(name)
    for kind in kinds:
        box.addItem(kind.value, kind)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(5)
    return box
