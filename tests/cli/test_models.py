"""``vesselapp models``: list, show, check, import, remove."""

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.tiny_models import save_model, tiny_vessel_model
from vesselapp.inference.cards import correct_card, keep_card
from vesselapp.inference.catalog import user_folder
from vesselapp.inference.model import load_model

LONG = "x" * 400
"""A name that no file system takes."""


@pytest.fixture
def other(work: Path) -> Path:
    """Give a second model, which is not in the list yet."""
    return tiny_vessel_model(work / "other model.onnx", name="Other", threshold=0.25)


@pytest.fixture
def foreign(work: Path) -> Path:
    """Give a model without a card: one logit for each pixel of a float NCHW picture of free size."""
    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.normal(size=(1, 3, 3, 3)).astype(np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    size = ["N", 3, "H", "W"]
    graph = helper.make_graph(
        [node],
        "foreign",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [weights],
    )
    return save_model(work / "foreign.onnx", graph)


def test_the_list_names_origin_and_task(run, shipped: Path) -> None:
    outcome = run("models", "list")
    assert outcome.status == 0
    assert outcome.out == f"tiny  vessels, shipped  {shipped}\n"
    assert run("models", "list", "--json").records[0]["name"] == "tiny"


def test_the_card_is_shown(run, shipped: Path, other: Path) -> None:
    outcome = run("models", "show", "tiny")
    assert outcome.status == 0
    for words in ("Tiny vessels", "for: vessels", "threshold: 0.5", "licence: CC0-1.0"):
        assert words in outcome.out
    card = json.loads(run("models", "show", other, "--json").out)
    assert card["name"] == "Other"


def test_check_tries_the_providers(run, shipped: Path, work: Path) -> None:
    outcome = run("models", "check", "tiny")
    assert outcome.status == 0
    assert "cpu: works" in outcome.out
    wrong = tiny_vessel_model(work / "wrong.onnx", self_test_shift=0.3)
    outcome = run("models", "check", wrong)
    assert outcome.status == 1
    assert "self-test" in outcome.err + outcome.out


def test_import_list_use_and_remove(run, shipped: Path, other: Path, picture: Path) -> None:
    outcome = run("models", "import", other)
    assert outcome.status == 0
    assert [path.name for path in user_folder().glob("*.onnx")] == ["other-model.onnx"]
    names = [record["name"] for record in run("models", "list", "--json").records]
    assert names == ["tiny", "other-model"]
    (record,) = run("predict", picture, "--out", "out", "--model", "other-model", "--json").records
    assert record["threshold"] == 0.25
    assert run("models", "remove", "other-model").status == 0
    assert run("models", "list", "--json").records[1:] == []
    assert other.exists()


def test_import_never_overwrites(run, shipped: Path, other: Path) -> None:
    assert run("models", "import", other, "--name", "tiny").status == 0
    assert [path.name for path in user_folder().glob("*.onnx")] == ["tiny-2.onnx"]
    outcome = run("models", "import", other)
    assert outcome.status == 0
    assert "there already" in outcome.err
    assert len(list(user_folder().glob("*.onnx"))) == 1


def test_what_cannot_be_read_among_the_models_is_passed_over(run, shipped: Path, other: Path) -> None:
    folder = user_folder()
    (folder / "folder.onnx").mkdir(parents=True)
    (folder / "link.onnx").symlink_to(folder / "nowhere")
    (folder / "damaged.onnx").write_text("Dear aunt")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.onnx")
    outcome = run("models", "import", other, "--name", "link")
    assert (outcome.status, outcome.err) == (0, "")
    assert (folder / "link-2.onnx").read_bytes() == other.read_bytes()
    assert "there already, as link-2" in run("models", "import", other).err
    outcome = run("models", "remove", "folder")
    assert outcome.status == 1
    assert "folder.onnx can't be removed" in outcome.err
    assert run("models", "remove", "link").status == 0
    assert not (folder / "link.onnx").is_symlink()
    assert (folder / "link-2.onnx").exists()


def test_what_was_corrected_of_a_foreign_model_outlives_a_copy_of_it(
    run, shipped: Path, foreign: Path
) -> None:
    model = load_model(foreign, "cpu")
    keep_card(model.sha256, correct_card(model.card, {"input.colour": "bgr"}))
    run("models", "import", foreign)
    assert run("models", "remove", "foreign").status == 0
    assert load_model(foreign, "cpu").card.input.colour == "bgr"


def test_only_the_model_that_is_meant_is_removed(
    run, shipped: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nets = [user_folder() / name for name in ("a/net.onnx", "b/net.onnx", "tiny.onnx")]
    for number, net in enumerate(nets):
        tiny_vessel_model(net, threshold=0.3 + number / 10)
    for name, files in (("net", nets[:2]), ("tiny", [shipped, nets[2]])):
        outcome = run("models", "remove", name)
        assert outcome.status == 1
        assert all(str(file) in outcome.err for file in files)
    monkeypatch.chdir(user_folder())
    assert "threshold: 0.5" in run("models", "show", "tiny.onnx").out
    assert run("models", "remove", shipped).status == 1
    assert all(net.exists() for net in [shipped, *nets])
    assert run("models", "remove", "tiny.onnx").status == 0
    assert run("models", "remove", nets[0]).out == f"removed {nets[0]}\n"
    assert run("models", "remove", "net").status == 0, "the only one of that name by now"
    assert [net.exists() for net in [shipped, *nets]] == [True, False, False, False]
    other = tiny_vessel_model(work / "other.onnx")
    assert run("models", "remove", other).status == 1, "none of the list"
    assert other.exists()


def test_a_name_stays_in_the_folder(run, shipped: Path, other: Path) -> None:
    assert run("models", "import", other, "--name", "../../evil").status == 0
    assert [path.name for path in user_folder().glob("*.onnx")] == ["evil.onnx"]


def test_a_name_that_is_too_long_is_cut(run, shipped: Path, other: Path, foreign: Path) -> None:
    for file in (other, foreign):
        assert run("models", "import", file, "--name", "x" * 300).status == 0
    names = sorted(path.name for path in user_folder().glob("*.onnx"))
    assert names == [f"{'x' * 220}-2.onnx", f"{'x' * 220}.onnx"]


def test_what_was_guessed_of_a_foreign_model_is_told(run, foreign: Path, picture: Path) -> None:
    outcome = run("models", "import", foreign)
    assert outcome.status == 0
    assert "guessed:" in outcome.err
    assert "guessed:" in run("models", "show", "foreign").out
    outcome = run("predict", picture, "--out", "out", "--model", "foreign")
    assert outcome.status == 0
    assert "carries no model card" in outcome.err


def test_weights_in_another_file_are_refused(run, foreign: Path, work: Path) -> None:
    model = onnx.load(foreign)
    split = work / "split.onnx"
    onnx.save_model(model, str(split), save_as_external_data=True, location="split.data", size_threshold=0)
    outcome = run("models", "import", split)
    assert outcome.status == 1
    assert "another file" in outcome.err
    assert not list(user_folder().glob("*.onnx"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "nowhere.onnx"], "nowhere.onnx"),
        (["import", "letter.onnx"], "letter.onnx"),
        (["show", "nothing"], "no model nothing"),
        (["show", LONG], f"no model {LONG}"),
        (["show", "~nobody there/a.onnx"], "no model ~nobody"),
        (["import", LONG], f"no model file {LONG}"),
        (["check", "nothing"], "no model nothing"),
        (["remove", "nothing"], "no model nothing"),
        (["remove", "tiny"], "came with the app"),
    ],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str], words: str, run, shipped: Path, work: Path
) -> None:
    (work / "letter.onnx").write_text("Dear aunt")
    outcome = run("models", *arguments)
    assert outcome.status == 1
    assert words in outcome.err
    assert "Traceback" not in outcome.err
    assert shipped.exists()


@pytest.mark.parametrize("arguments", [[], ["smell"], ["show"], ["remove"]])
def test_wrong_usage_is_two(run, arguments: list[str]) -> None:
    assert run("models", *arguments).status == 2


def test_a_study_has_models_of_its_own(run, tmp_path, model, monkeypatch):
    from tests.study.studies import make_study
    from vesselapp.study.models import Registry

    assert "There is no study in" in run("models", "use", 1, "--study", tmp_path).err
    study = make_study(tmp_path).folder
    registry = Registry(study)
    registry.add(model, who="ann")
    monkeypatch.chdir(study)
    listed = run("models", "list", "--study", ".")
    assert listed.status == 0
    assert "*    0  the model that the study began with" in listed.out
    assert run("models", "use", 1).out == "in use: 1 Tiny vessels\n"
    assert [row["active"] for row in run("models", "list", "--study", study, "--json").records] == [True]
    assert run("models", "use", 9).status == 1
    assert "began with" in run("models", "use", 0, "--study", study).out
    assert registry.active() is None


def test_a_study_whose_model_has_too_long_a_name_opens(run, picture: Path, work: Path) -> None:
    from vesselapp.study.study import Study
    from vesselapp.study.study_model import model_of

    outcome = run("study", "new", work / "study", "--pictures", picture.parent)
    assert (outcome.status, outcome.err) == (0, "")
    Study.open(work / "study").set_model(LONG)
    assert model_of(Study.open(work / "study")) == (LONG, "")
