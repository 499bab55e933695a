"""The benchmark of learning: what one part makes, the last part is given. Nothing is learnt here."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.bench import learn_here, learning
from tests.tiny_models import tiny_vessel_model


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Let every training write a tiny model at once; list what is compared: set, base, and candidate."""
    found: list[tuple[str, str, str]] = []
    row = SimpleNamespace(incumbent=0.7, candidate=0.8)

    def learn(folder: Path, _cases, _learnt, model: Path, task: str, _replay=None) -> learning.Loop:
        after = folder / "runs" / "bench" / "candidate.onnx"
        after.parent.mkdir(parents=True)
        tiny_vessel_model(after, task=task, name=folder.name)
        return learning.Loop(SimpleNamespace(table=[row], offered=True), 1.0, model, after)

    def compare(name: str, base: Path, tuned: Path, _cases, _task: str) -> Iterator[object]:
        assert base.is_file()
        yield found.append((name, base.stem, learn_here.load_model(tuned).card.name))

    monkeypatch.setattr(learning, "learn", learn)
    monkeypatch.setattr(learning, "base_of", lambda _task, _data, base: tiny_vessel_model(base))
    monkeypatch.setattr(learning, "mean_dice", lambda *_words: 0.9)
    monkeypatch.setattr(learning, "held_back", lambda *_words: [])
    monkeypatch.setattr(learning, "read_sets", lambda _folders: [])
    monkeypatch.setattr(learn_here, "read_sets", lambda _folders: [])
    monkeypatch.setattr(learn_here, "learn_here", compare)
    return found


def test_the_bare_command_does_all_parts(compared, capsys: pytest.CaptureFixture[str]):
    rows = [row["name"] for row in learning.run([], Path(), {}) if row]
    assert {
        "cells_new_dice",
        "bloodless_new_dice",
        "finetune_5_pictures_min",
        "vessels_6_replay_new_dice",
    } <= set(rows)
    assert compared == [("vessels", "chase-only", "vessels_3"), ("cells", "cells", "cells")]
    assert capsys.readouterr().err == ""


def test_a_candidate_that_is_given_is_taken(compared, tmp_path: Path):
    given = tiny_vessel_model(tmp_path / "given.onnx", name="given")
    base = tmp_path / "base.onnx"
    list(learning.run(["vessels_6", "learn_here"], Path(), {"vessels": base}))
    assert compared == [("vessels", "base", "vessels_6")]
    compared.clear()
    list(learning.run(["learn_here_vessels"], Path(), {"vessels": base}, [given]))
    assert compared == [("vessels", "base", "given")]


def test_what_is_left_out_is_told(compared, capsys: pytest.CaptureFixture[str]):
    assert list(learning.run(["learn_here"], Path(), {})) == []
    assert compared == []
    told = capsys.readouterr().err
    assert "learn_here_vessels is left out" in told
    assert "learn_here_cells is left out" in told
