from pathlib import Path

import pytest

from tests.tiny_models import tiny_vessel_model
from vesselapp.core.errors import VesselError
from vesselapp.inference import model as model_module
from vesselapp.inference.model import load_model
from vesselapp.inference.providers import CPU, PROVIDERS, Provider, physical_cores


def test_a_model_comes_with_its_card_and_says_what_runs(tiny_path: Path) -> None:
    model = load_model(tiny_path)
    assert model.card.name == "Tiny vessels"
    assert model.provider == "cpu"
    assert model.provider_note == ""
    assert len(model.sha256) == 64


def test_a_provider_that_is_not_installed_falls_back_and_says_what_to_install(tiny_path: Path) -> None:
    missing = next(p for p in PROVIDERS if p.name == "openvino")
    model = load_model(tiny_path, "openvino")
    assert model.provider == "cpu"
    assert missing.install in model.provider_note


def test_an_unknown_provider_is_refused(tiny_path: Path) -> None:
    with pytest.raises(VesselError, match="no provider named abacus"):
        load_model(tiny_path, "abacus")


def test_a_device_that_fails_the_self_test_is_set_aside(
    tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Provider("cuda", CPU.runtime_name)
    monkeypatch.setattr(model_module, "providers_to_try", lambda wish: ([broken, CPU], ""))
    results = iter(["its answer to the self-test is off by 0.400 (allowed: 0.005)", ""])
    monkeypatch.setattr(model_module.Model, "self_test", lambda self: next(results))
    model = load_model(tiny_path)
    assert model.provider == "cpu"
    assert "cuda was set aside: its answer to the self-test is off by 0.400" in model.provider_note


def test_a_model_whose_answers_are_wrong_everywhere_does_not_load(tmp_path: Path) -> None:
    path = tiny_vessel_model(tmp_path / "wrong.onnx", self_test_shift=0.2)
    with pytest.raises(VesselError, match=r"self-test is off by 0\.200"):
        load_model(path)


def test_physical_cores_are_counted() -> None:
    assert physical_cores() >= 1


def test_a_runtime_that_breaks_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    graph = tiny_vessel_model(tmp_path / "odd.onnx")
    graph.write_bytes(graph.read_bytes().replace(b"Transpose", b"Trans\xffose"))
    with pytest.raises(VesselError, match="does not run"):
        load_model(graph)
    assert capfd.readouterr() == ("", "")
