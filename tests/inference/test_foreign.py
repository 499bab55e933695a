import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.inference.foreign_models import disc_picture, foreign_model, small_unet
from tests.tiny_models import tiny_vessel_model, with_card
from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import level_of, mask_of, quantise
from vesselapp.core.model_card import OutputSpec
from vesselapp.inference import model as model_module
from vesselapp.inference.cards import correct_card, explain_guesses, keep_card
from vesselapp.inference.conventions import foreground_of
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict
from vesselapp.inference.providers import CPU, Provider
from vesselapp.inference.session import DeviceError
from vesselapp.inference.trial import guess_in_this_process

KINDS: list[dict[str, Any]] = [
    {},
    {"answer": "logit"},
    {"answer": "softmax"},
    {"answer": "two logits"},
    {"answer": "two answers"},
    {"answer": "uint8 mask"},
    {"answer": "class numbers"},
    {"answer": "two masks"},
    {"answer": "gray"},
    {"answer": "gray uint8"},
    {"answer": "quarter"},
    {"layout": "NHWC"},
    {"layout": "NHWC", "answer": "softmax"},
    {"layout": "NHWC", "answer": "flat softmax"},
    {"layout": "NHWC", "channels": 1, "size": (128, 128)},
    {"channels": 1},
    {"channels": 1, "answer": "logit", "values": "0-255"},
    {"dtype": "float16"},
    {"dtype": "uint8"},
    {"dtype": "uint8", "layout": "NHWC", "channels": 1, "answer": "uint8 mask"},
    {"values": "0-255"},
    {"size": (128, 128)},
    {"size": (512, 512), "answer": "logit"},
    {"size": (64, 64), "layout": "NHWC"},
    {"size": (96, 160)},
    {"size": (256, None)},
    {"size": (None, 256), "answer": "logit"},
    {"size": (None, 64), "layout": "NHWC"},
    {"size": (256, 256), "answer": "cropped"},
    {"batch": 1},
    {"batch": 3, "answer": "softmax"},
    {"lacking": "ones"},
    {"lacking": "ones", "answer": "softmax"},
    {"lacking": "ones", "batch": 1},
    {"lacking": "ones", "batch": 1, "answer": "two logits", "layout": "NHWC", "size": (96, 160)},
    {"lacking": "ones", "batch": 3},
    {"lacking": "first", "answer": "softmax"},
    {"lacking": "first", "batch": 1, "layout": "NHWC", "answer": "softmax"},
    {"extra_outputs": True},
    {"opset": 9},
    {"opset": 9, "answer": "softmax", "layout": "NHWC"},
    {"opset": 21, "answer": "logit"},
]


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guess in this process: starting one for each of many models would take half a minute."""
    monkeypatch.setattr(model_module, "try_foreign", guess_in_this_process)


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: ",".join(f"{k}={v}" for k, v in kind.items()) or "plain"
)
def test_a_foreign_model_gives_the_right_mask_without_being_told_anything(
    tmp_path: Path, kind: dict[str, Any]
) -> None:
    model = load_model(foreign_model(tmp_path / "foreign.onnx", **kind), "cpu")
    pixels, disc = disc_picture()
    answer = predict(model, pixels)
    mask = mask_of(quantise(answer.probability), level_of(model.card.threshold))
    assert (mask & disc).sum() / (mask | disc).sum() > 0.95
    assert model.card.guessed
    assert len(explain_guesses(model.card)) == len(model.card.guessed)


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("answer", ["probability", "softmax"])
def test_an_answer_that_lacks_axes_is_read_by_the_pictures_that_went_in(tmp_path: Path, answer: str) -> None:
    pixels, _disc = disc_picture(128, 128)
    batch = np.stack([pixels, pixels[::-1], pixels[:, ::-1]])
    whole = load_model(foreign_model(tmp_path / "whole.onnx", answer=answer), "cpu")
    model = load_model(foreign_model(tmp_path / "lacking.onnx", answer=answer, lacking="ones"), "cpu")
    for count in (1, 2, 3):
        np.testing.assert_array_equal(model.foreground(batch[:count]), whole.foreground(batch[:count]))


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("answer", ["probability", "softmax"])
def test_an_answer_for_fewer_pictures_than_went_in_is_refused(tmp_path: Path, answer: str) -> None:
    path = foreign_model(tmp_path / "first.onnx", answer=answer, lacking="first", batch=3)
    with pytest.raises(VesselError, match=r"no segmentation model: it answers 3 pictures with [12] x 96"):
        load_model(path, "cpu")
    model = load_model(foreign_model(tmp_path / "free.onnx", answer=answer, lacking="first"), "cpu")
    pixels, _disc = disc_picture(128, 128)
    with pytest.raises(DeviceError, match=r"it answers 3 pictures with [12] x 128 x 128"):
        model.run(np.stack([pixels] * 3))


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("lacking", ["", "ones"])
def test_a_model_that_answers_no_numbers_is_said_to(tmp_path: Path, lacking: str) -> None:
    path = foreign_model(tmp_path / "nan.onnx", answer="no numbers", lacking=lacking)
    with pytest.raises(VesselError, match="no small picture: its answer holds values that are no numbers"):
        load_model(path, "cpu")


@pytest.mark.usefixtures("_at_once")
def test_a_kept_card_that_took_channels_for_pictures_is_guessed_anew(tmp_path: Path) -> None:
    path = foreign_model(tmp_path / "foreign.onnx", answer="softmax", lacking="ones", batch=1)
    model = load_model(path, "cpu")
    wrong = {"output.channels": ["foreground"], "output.foreground": [0], "output.layout": "NHWC"}
    keep_card(model.sha256, correct_card(model.card, wrong))
    assert load_model(path, "cpu").card == model.card


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize("answer", ["gray", "gray uint8", "uint8 mask", "class numbers"])
def test_a_part_without_foreground_is_read_as_the_other_parts_are(tmp_path: Path, answer: str) -> None:
    path = foreign_model(tmp_path / "foreign.onnx", answer=answer)
    model = load_model(path, "cpu")
    assert model.card.output.soft == (answer != "class numbers")
    pixels, disc = disc_picture()
    wide = np.pad(pixels, ((0, 0), (1200, 0), (0, 0)), constant_values=205)  # whole tiles of ground
    found = predict(model, wide).probability >= 0.5
    assert np.array_equal(found, np.pad(disc, ((0, 0), (1200, 0))))


@pytest.mark.usefixtures("_at_once")
def test_a_kept_card_that_does_not_say_which_kind_of_mask_is_guessed_anew(tmp_path: Path) -> None:
    path = foreign_model(tmp_path / "foreign.onnx", answer="gray")
    model = load_model(path, "cpu")
    kept = keep_card(model.sha256, model.card)
    older = json.loads(kept.read_text())
    del older["output"]["soft"]
    kept.write_text(json.dumps(older))
    assert load_model(path, "cpu").card == model.card


@pytest.mark.usefixtures("_at_once")
def test_another_channel_of_a_mask_can_be_chosen_but_none_that_is_not_there(tmp_path: Path) -> None:
    model = load_model(foreign_model(tmp_path / "foreign.onnx", answer="two masks"), "cpu")
    pixels, disc = disc_picture()
    other = with_card(model, correct_card(model.card, {"output.foreground": [1]}))
    assert np.array_equal(predict(other, pixels).probability >= 0.5, ~disc)
    with pytest.raises(VesselError, match=r"output\.foreground can't be \[2\]"):
        correct_card(model.card, {"output.foreground": [2]})


@pytest.mark.parametrize(
    ("meaning", "channels", "foreground", "expected"),
    [
        ("probability", ("inside", "border", "background"), (0, 1), 0.7),
        ("softmax_logits", ("background", "class 1", "class 2"), (1, 2), 0.7),
        ("probability", ("class 0", "class 1", "class 2"), (0, 1, 2), 0.4),
        ("logits", ("background", "class 1", "class 2"), (0, 1), 0.4),
        ("mask", ("class 0", "class 1", "class 2"), (0, 1), 0.4),
        ("logits", ("background", "class 1", "class 2"), (1,), 0.4),
    ],
)
def test_only_channels_that_exclude_each_other_are_added(
    meaning: Any, channels: tuple[str, ...], foreground: tuple[int, ...], expected: float
) -> None:
    spec = OutputSpec(meaning=meaning, channels=channels, foreground=foreground)
    planes = np.full((1, 2, 3, 3), 0.3, np.float32)
    planes[..., 1] = 0.4
    found = foreground_of(planes, spec)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.full((1, 2, 3), expected), rtol=1e-6)


def test_a_file_that_is_met_for_the_first_time_is_tried_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")  # as on Windows, where it writes into a pipe
    path = foreign_model(tmp_path / "retina α.onnx", answer="logit")
    card = load_model(path, "cpu").card
    assert card.name == "retina α"
    assert card.task == "vessels"
    assert card.output.meaning == "logits"

    def never(path: Path) -> None:
        raise AssertionError("a known file is not tried again")

    monkeypatch.setattr(model_module, "try_foreign", never)
    assert load_model(path, "cpu").card == card


@pytest.mark.usefixtures("_at_once")
def test_a_corrected_guess_is_kept_and_the_file_stays_as_it_was(tmp_path: Path) -> None:
    path = foreign_model(tmp_path / "foreign.onnx", size=(128, 128))
    before = path.read_bytes()
    model = load_model(path, "cpu")
    assert "scale.kind" in model.card.guessed
    corrected = correct_card(model.card, {"scale.kind": "as_is", "threshold": 0.3})
    assert "scale.kind" not in corrected.guessed
    preview = predict(with_card(model, corrected), disc_picture()[0])
    assert preview.probability.shape == (300, 380)
    keep_card(model.sha256, corrected)
    assert load_model(path, "cpu").card == corrected
    assert path.read_bytes() == before


@pytest.mark.usefixtures("_at_once")
def test_a_correction_of_what_the_numbers_mean_is_kept_too(tmp_path: Path) -> None:
    path = foreign_model(tmp_path / "foreign.onnx", answer="logit")
    model = load_model(path, "cpu")
    keep_card(model.sha256, correct_card(model.card, {"output.meaning": "probability", "input.mean": [0.5]}))
    again = load_model(path, "cpu")
    assert again.card.output.meaning == "probability"
    assert again.card.input.mean == (0.5,)
    assert again.provider_note == ""


@pytest.mark.usefixtures("_at_once")
def test_a_correction_that_the_graph_cannot_take_is_undone_and_told(tmp_path: Path) -> None:
    path = foreign_model(tmp_path / "foreign.onnx")
    model = load_model(path, "cpu")
    keep_card(model.sha256, correct_card(model.card, {"input.colour": "gray"}))
    again = load_model(path, "cpu")
    assert again.card == model.card
    assert "guessed anew" in again.provider_note
    assert load_model(path, "cpu").provider_note == ""


@pytest.mark.usefixtures("_at_once")
@pytest.mark.parametrize(
    "write", [foreign_model, partial(tiny_vessel_model, blur=3)], ids=["no self-test", "no expected answer"]
)
def test_another_device_is_held_to_the_cpus_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], Path]
) -> None:
    cuda = Provider("cuda", CPU.runtime_name)
    monkeypatch.setattr(model_module, "providers_to_try", lambda wish: ([cuda, CPU], ""))
    path = write(tmp_path / "model.onnx")
    assert load_model(path).provider == "cuda"
    right = Model.run

    def wrong(self: Model, batch: np.ndarray, table: np.ndarray | None = None) -> np.ndarray:
        return right(self, batch, table) * (1.0 if self.device is CPU else 0.8)

    monkeypatch.setattr(Model, "run", wrong)
    model = load_model(path)
    assert model.provider == "cpu"
    assert "off the CPU's by 0." in model.provider_note


@pytest.mark.usefixtures("_at_once")
def test_a_wrong_correction_is_refused(tmp_path: Path) -> None:
    card = load_model(foreign_model(tmp_path / "foreign.onnx"), "cpu").card
    with pytest.raises(VesselError, match=r"no value 'input\.smell'"):
        correct_card(card, {"input.smell": "rgb"})
    with pytest.raises(VesselError, match=r"input\.colour can't be 'pink'"):
        correct_card(card, {"input.colour": "pink"})


@pytest.mark.usefixtures("_at_once")
def test_the_stride_of_a_deep_net_is_found(tmp_path: Path) -> None:
    model = load_model(small_unet(tmp_path / "deep.onnx", depth=6), "cpu")
    assert model.card.tile.stride == 64
    answer = predict(model, disc_picture(301, 203)[0])
    assert answer.probability.shape == (301, 203)
    assert np.isfinite(answer.probability).all()
