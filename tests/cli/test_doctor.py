"""``vesselapp doctor``: versions, what really works, models, folders, display."""

import json
from pathlib import Path

import pytest

from vesselapp import __version__


def test_it_tells_versions_models_and_what_works(run, shipped: Path, home: Path) -> None:
    outcome = run("doctor")
    assert outcome.status == 0
    for word in (
        f"vesselapp: {__version__}",
        "cpu: works",
        "tiny (vessels, shipped)",
        str(home),
        "display: none",
    ):
        assert word in outcome.out


def test_json_holds_the_same(run, shipped: Path) -> None:
    outcome = run("doctor", "--json")
    findings = json.loads(outcome.out)
    assert findings["versions"]["vesselapp"] == __version__
    assert findings["providers"]["cpu"] == ""
    assert [model["name"] for model in findings["models"]] == ["tiny"]
    assert set(findings["folders"]) == {"data", "settings", "log"}
    assert findings["window"]["display"] is None


def test_a_provider_that_fails_the_self_test_does_not_work(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tiny_models import tiny_vessel_model

    tiny_vessel_model(tmp_path / "bad" / "wrong.onnx", self_test_shift=0.2)
    monkeypatch.setattr("vesselapp.inference.catalog.shipped_folder", lambda: tmp_path / "bad")
    outcome = run("doctor")
    assert outcome.status == 1
    assert "cpu: works" not in outcome.out
    assert "self-test" in outcome.out


def test_without_a_model_it_says_so(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vesselapp.inference.catalog.shipped_folder", lambda: tmp_path / "nowhere")
    outcome = run("doctor")
    assert outcome.status == 1
    assert "not tried" in outcome.out
