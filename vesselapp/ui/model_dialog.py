"""What is known of the model in use: its card, and, for a foreign file, what was guessed, to be corrected."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QFormLayout, QLabel, QTextBrowser, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from vesselapp.core.model_card import Figures, ModelCard

_PLAIN = {"input.mean": [0.0], "input.std": [1.0]}
_IMAGENET = {"input.mean": [0.485, 0.456, 0.406], "input.std": [0.229, 0.224, 0.225]}
_AXES = {"rows, columns, channels": "NHWC", "channels first": "NCHW"}

Changes = dict[str, Any]
_CHOICES: dict[str, tuple[str, dict[str, Changes]]] = {
    "input.layout": (
        "Order of the input's axes",
        {words: {"input.layout": value} for words, value in _AXES.items()},
    ),
    "input.colour": (
        "Colours it takes",
        {
            "red, green, blue": {"input.colour": "rgb"},
            "blue, green, red": {"input.colour": "bgr"},
            "gray": {"input.colour": "gray"},
            "green only": {"input.colour": "green"},
        },
    ),
    "input.high": (
        "Pixel values it takes",
        {
            "0 to 1": {"input.low": 0.0, "input.high": 1.0, **_PLAIN},
            "0 to 255": {"input.low": 0.0, "input.high": 255.0, **_PLAIN},
            "-1 to 1": {"input.low": -1.0, "input.high": 1.0, **_PLAIN},
            "0 to 1, ImageNet mean and deviation": {"input.low": 0.0, "input.high": 1.0, **_IMAGENET},
        },
    ),
    "input.equalise": (
        "Histogram equalised beforehand",
        {"no": {"input.equalise": False}, "yes": {"input.equalise": True}},
    ),
    "scale.kind": (
        "How a picture is brought to its size",
        {
            "pixels as they are": {"scale.kind": "as_is"},
            "the whole picture resized": {"scale.kind": "fixed"},
        },
    ),
    "output.layout": (
        "Order of the output's axes",
        {words: {"output.layout": value} for words, value in _AXES.items()},
    ),
    "output.meaning": (
        "What its numbers mean",
        {
            "probability": {"output.meaning": "probability"},
            "logit (before a sigmoid)": {"output.meaning": "logits"},
            "logits of classes": {"output.meaning": "softmax_logits"},
            "a finished mask": {"output.meaning": "mask"},
        },
    ),
    "output.foreground": (
        "Channel that is foreground",
        {str(channel): {"output.foreground": [channel]} for channel in range(8)},
    ),
    "task": (
        "What it is for",
        {"vessels": {"task": "vessels"}, "cells": {"task": "cells"}, "something else": {"task": "other"}},
    ),
}


class ModelDialog(QDialog):
    """Shows a model card; for a foreign model, offers to correct the guesses.

    A correction is applied at once and the model is run again: the mask on the canvas tells right from wrong.

    Signals
    -------
    corrected : dict
        New values by dotted name of the card.
    """

    corrected = Signal(dict)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Model")
        self.resize(QSize(560, 560).boundedTo(self.screen().availableSize() * 0.9))
        self._text = QTextBrowser()
        self._text.setAccessibleName("Model card")
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._form_holder = QWidget()
        self._form = QFormLayout(self._form_holder)
        self.fields: dict[str, QComboBox] = {}
        note = QLabel(
            "This file has no model card. What was read from it is below; watch the mask and correct it."
        )
        note.setWordWrap(True)
        self._form.addRow(note)
        for name, (words, choices) in _CHOICES.items():
            field = QComboBox()
            field.setAccessibleName(words)
            field.addItems(list(choices))
            field.activated.connect(self._corrector(name, field))
            self.fields[name] = field
            self._form.addRow(words, field)
        layout = QVBoxLayout(self)
        layout.addWidget(self._form_holder)
        layout.addWidget(self._text, 1)

    def show_card(self, card: ModelCard, *, foreign: bool, provider: str) -> None:
        """Show a card; ``foreign`` when it was read from the graph rather than carried by the file."""
        self._text.setHtml(card_html(card, provider))
        self._form_holder.setVisible(foreign)
        for name, field in self.fields.items():
            words, choices = _CHOICES[name]
            fits = [at for at, changes in enumerate(choices.values()) if _says(card, changes)]
            field.setCurrentIndex(fits[0] if fits else -1)
            label = self._form.labelForField(field)
            if isinstance(label, QLabel):
                label.setText(words + (" (guessed)" if name in card.guessed else ""))

    def _corrector(self, name: str, field: QComboBox) -> Any:
        return lambda _place: self.corrected.emit(_CHOICES[name][1][field.currentText()])


def _says(card: ModelCard, changes: Changes) -> bool:
    """Tell whether a card says all that some changes would."""
    values = card.model_dump(mode="json")
    for name, wanted in changes.items():
        place: Any = values
        for part in name.split("."):
            place = place[part]
        if place != wanted:
            return False
    return True


def card_html(card: ModelCard, provider: str) -> str:
    """Write a model card as a small page."""
    parts = [f"<h3>{escape(card.name)} <small>version {escape(card.version)}</small></h3>"]
    if card.description:
        parts.append(f"<p>{escape(card.description)}</p>")
    rows = {
        "For": card.task,
        "Runs on": provider.upper(),
        "Threshold": f"{card.threshold:.3f}",
        "Licence": card.licence,
        "Made": card.timestamp,
        "By": card.command,
        "Parent": card.parent or "",
    }
    parts.append(_table([(name, value) for name, value in rows.items() if value]))
    if card.limits:
        parts.append("<h4>Where it fails</h4><ul>")
        parts += [f"<li>{escape(limit)}</li>" for limit in card.limits]
        parts.append("</ul>")
    if card.validation:
        parts.append("<h4>Measured</h4>")
        parts += [_figures(figures) for figures in card.validation]
    if card.training_data:
        parts.append("<h4>Learnt from</h4><ul>")
        parts += [
            f"<li>{escape(source.name)}, {source.amount}, {escape(source.licence)}. "
            f"{escape(source.credit)}</li>"
            for source in card.training_data
        ]
        parts.append("</ul>")
    return "".join(parts)


def _figures(figures: Figures) -> str:
    rows = []
    for name, value in figures.values.items():
        span = figures.intervals.get(name)
        rows.append((name, f"{value:.3f}" + (f" ({span[0]:.3f} to {span[1]:.3f})" if span else "")))
    return f"<p><b>{escape(figures.name)}</b>, {figures.pictures} pictures</p>" + _table(rows)


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><td>{escape(name)}&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>" for name, value in rows
    )
    return f"<table>{cells}</table>"
