"""Ranking by doubt that is stopped, or overtaken by another list."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.ui.conftest import wait_for_answer
from tests.ui.test_studies import open_study, study
from vesselapp.state.pictures import Order
from vesselapp.study.study import Study
from vesselapp.ui.window import MainWindow

__all__ = ["study"]


@pytest.fixture
def ranked(qtbot: QtBot, window: MainWindow, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    """A window whose pictures are being ranked, which rests."""
    window.open_paths([pictures / "b.png", pictures / "c.png"])
    wait_for_answer(qtbot, window)
    monkeypatch.setattr(window.workspace.ranking, "_busy", lambda: True)
    window.action("rank").trigger()
    assert window.workspace.ranking.running
    return window


def wait_until_ranked(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.workspace.ranking.running, timeout=20000)


def test_a_study_opened_meanwhile_stays_in_its_own_order(
    qtbot: QtBot, ranked: MainWindow, study: Study
) -> None:
    before = ranked.workspace.pictures.order
    open_study(qtbot, ranked, study)
    wait_until_ranked(qtbot, ranked)
    assert ranked.workspace.pictures.order is before
    assert ranked.pictures.order_box.currentData() is before
    assert not ranked.action("rank").isChecked()


def test_one_that_is_stopped_sorts_nothing(qtbot: QtBot, ranked: MainWindow) -> None:
    before = ranked.workspace.pictures.order
    ranked.action("rank").trigger()
    wait_until_ranked(qtbot, ranked)
    assert ranked.status.task.text() == "Ranking was stopped."
    assert ranked.workspace.pictures.order is before


def test_one_that_is_stopped_and_started_again_at_once_goes_on(
    qtbot: QtBot, ranked: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    action, ranking = ranked.action("rank"), ranked.workspace.ranking
    action.trigger()
    action.trigger()
    assert action.isChecked()
    qtbot.wait(300)
    assert action.isChecked()
    assert ranking.running
    monkeypatch.setattr(ranking, "_busy", lambda: False)
    wait_until_ranked(qtbot, ranked)
    assert ranked.status.task.text() == "Ranked by doubt."
    assert all(entry.doubt is not None for entry in ranked.workspace.pictures.entries)
    assert ranked.workspace.pictures.order is Order.DOUBT
    assert not action.isChecked()
