"""``vesselapp study`` as it is typed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.cli.conftest import Outcome, save_nuclei, save_picture
from tests.study.studies import let_no_one_list, review
from vesselapp.cli.study_arguments import study_parser
from vesselapp.core.folders import settings_folder
from vesselapp.study.models import Registry
from vesselapp.study.study import Study

Run = Callable[..., Outcome]


@pytest.fixture
def study(work: Path, run: Run) -> Study:
    """Give a study of three pictures, made by the command."""
    for seed in range(3):
        save_picture(work / "pictures" / f"eye {seed}.png", seed)
    outcome = run("study", "new", "my study", "--pictures", "pictures", "--name", "Eyes")
    assert outcome.status == 0
    assert "Eyes: 3 pictures" in outcome.out
    return Study.open(work / "my study")


def test_folders_of_a_new_study_given_one_by_one_are_all_taken() -> None:
    for more in (["b"], ["--pictures", "b"]):
        typed = study_parser().parse_args(["new", "x", "--pictures", "a", *more])
        assert typed.pictures == [Path("a"), Path("b")]


@pytest.mark.parametrize(
    ("stored", "signed"),
    [
        ('{"reviewer": "Dr Wu"}', "Dr Wu"),
        ('{"reviewer": ""}', "login"),
        ('{"reviewer": 7}', "login"),
        ("[", "login"),
    ],
)
def test_commands_sign_as_the_window_does(
    home: Path, work: Path, run: Run, stored: str, signed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "login")
    settings = settings_folder() / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(stored)
    save_picture(work / "pictures" / "eye.png")
    assert run("study", "new", "eyes", "--pictures", "pictures").status == 0
    (line,) = (work / "eyes" / "audit.log").read_text().splitlines()
    assert f'"who":"{signed}"' in line


def test_info(study: Study, run: Run) -> None:
    review(study, "eye 0.png")
    outcome = run("study", "info", study.folder)
    assert outcome.status == 0
    assert "Eyes" in outcome.out
    assert "reviewed" in outcome.out
    (facts,) = run("study", "info", "my study", "--json").records
    assert (facts["pictures"], facts["reviewed"], facts["new"], facts["in-progress"]) == (3, 1, 2, 0)
    assert facts["missing_folders"] == []
    (study.folder.parent / "pictures").rename("gone")
    outcome = run("study", "info", "my study")
    assert outcome.status == 0
    assert "isn't there" in outcome.err


def test_info_tells_of_records_that_cannot_be_read(study: Study, run: Run) -> None:
    for number in (0, 1):
        review(study, f"eye {number}.png")
        (record,) = study.folder.glob(f"annotations/eye-{number}*/record.json")
        record.unlink()
        record.mkdir()
        outcome = run("study", "info", "my study", "--json")
        (facts,) = outcome.records
        states = facts["reviewed"], facts["in-progress"], facts["new"], facts["unreadable"]
        assert states == (0, number + 1, 2 - number, number + 1)
        assert "can't be read: a folder of that name is in the way" in outcome.err
    assert "2 records can't be read" in run("study", "info", "my study").err


def test_info_tells_of_a_folder_that_can_not_be_listed(
    study: Study, run: Run, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_picture(work / "pictures" / "more" / "eye 3.png", 3)
    let_no_one_list(monkeypatch, study.roots[0] / "more")
    outcome = run("study", "info", "my study")
    assert outcome.status == 0
    assert "more can't be listed just now" in outcome.err
    (facts,) = run("study", "info", "my study", "--json").records
    assert (facts["pictures"], len(facts["unlisted_folders"])) == (3, 1)


def test_pictures_that_were_moved_are_found_again(study: Study, run: Run) -> None:
    review(study, "eye 0.png")
    outcome = run("study", "moved", "my study", "--pictures", "pictures")
    assert outcome.status == 1
    assert "None of the folders" in outcome.err
    (study.folder.parent / "pictures").rename("gone")
    outcome = run("study", "moved", "my study", "--pictures", "gone", "--were-in", "elsewhere")
    assert outcome.status == 1
    assert "Which folder was moved?" in outcome.err
    outcome = run("study", "moved", "my study", "--pictures", "gone")
    assert (outcome.status, outcome.out.strip()) == (0, "Eyes: 3 pictures found")
    (facts,) = run("study", "info", "my study", "--json").records
    assert (facts["pictures"], facts["reviewed"], facts["missing_folders"]) == (3, 1, [])
    assert run("study", "verify", "my study").status == 0


@pytest.mark.parametrize("spelt", ["../two", "{}/two", "../eyes/../two"])
def test_a_folder_that_was_moved_is_named_in_any_spelling(
    work: Path, run: Run, spelt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, name in enumerate(("one", "two")):
        save_picture(work / name / "eye.png", seed)
    run("study", "new", "eyes", "--pictures", "one", "two")
    for name in ("one", "two"):
        (work / name).rename(work / f"{name} now")
    monkeypatch.chdir(work / "eyes")
    outcome = run("study", "moved", ".", "--pictures", "../two now", "--were-in", spelt.format(work))
    assert (outcome.status, outcome.out.strip()) == (0, "eyes: 1 picture found")
    assert Study.open(work / "eyes").roots == [work / "one", work / "two now"]


def test_a_study_is_made_only_with_a_model_that_is_there(work: Path, run: Run) -> None:
    save_picture(work / "pictures" / "eye.png")
    (work / "letter.onnx").write_text("Dear aunt")
    for name in ("nosuch", "letter.onnx"):
        outcome = run("study", "new", "eyes", "--pictures", "pictures", "--model", name)
        assert outcome.status == 1
        assert name in outcome.err
    assert not (work / "eyes").exists()


def test_a_model_that_was_moved_is_told_and_put_right(work: Path, run: Run, model: Path) -> None:
    save_picture(work / "pictures" / "eye.png")
    file = Path(shutil.copy(model, work / "mine.onnx"))
    assert run("study", "new", "eyes", "--pictures", "pictures", "--model", file.name).status == 0
    file.rename(work / "moved.onnx")
    told = f"There is no model {file}. Say which one to use with: vesselapp study model"
    assert told in run("study", "info", "eyes", "--json").err
    assert told in run("models", "use", 0, "--study", "eyes").err
    assert run("study", "model", "eyes", "nosuch").status == 1
    outcome = run("study", "model", "eyes", "moved.onnx")
    assert outcome.status == 0
    assert outcome.out == f"the model that eyes begins with: {work / 'moved.onnx'}\n"
    assert run("study", "info", "eyes").err == run("models", "use", 0, "--study", "eyes").err == ""
    assert run("study", "export", "eyes", "--all").status == 0
    assert run("study", "verify", "eyes").status == 0
    assert '"what":"study changed"' in (work / "eyes" / "audit.log").read_text()
    Registry(work / "eyes").use(Registry(work / "eyes").add(model, who="ann"), who="ann")
    assert "Its model 1 stays in use" in run("study", "model", "eyes", "moved.onnx").err
    (facts,) = run("study", "info", "eyes", "--json").records
    assert facts["model"] == "model 1"
    assert Path(facts["model_file"]).parent == work / "eyes" / "models"
    told = run("study", "info", "eyes").out
    assert "model 1" in told
    assert "…" not in told  # a long path is told whole


def test_verify_says_what_is_wrong(study: Study, run: Run) -> None:
    review(study, "eye 0.png")
    outcome = run("study", "verify", "my study")
    assert (outcome.status, outcome.out.strip()) == (0, "All is as it was left.")
    (file,) = study.folder.glob("annotations/*/answer.png")
    file.unlink()
    outcome = run("study", "verify", "my study")
    assert outcome.status == 1
    assert "Problems found: 1" in outcome.out
    outcome = run("study", "verify", "my study", "--json")
    assert outcome.status == 1
    (finding,) = outcome.records
    assert finding["where"].endswith("answer.png")
    assert finding["sentence"] == "It is missing."


def test_out_and_in_again(study: Study, run: Run, work: Path) -> None:
    review(study, "eye 1.png")
    outcome = run("study", "export", "my study", "--out", "out")
    assert outcome.status == 0
    assert "1 mask written to out" in outcome.out
    mask = np.array(Pillow.open(work / "out" / "masks" / "eye 1.png"))
    assert set(np.unique(mask)) == {0, 255}
    run("study", "new", "other", "--pictures", "pictures")
    outcome = run("study", "import", "other", "out/masks", "--reviewed", "--json")
    assert outcome.status == 0
    assert outcome.records[0]["pictures"] == 1
    assert outcome.records[0]["notes"] == [
        "2 of 3 pictures have no mask in the folder.",
        "In 1 picture some px are unsure, as in the export.",
    ]
    outcome = run("study", "import", "other", "out/masks")
    assert outcome.status == 1
    assert "has corrections already" in outcome.err
    assert run("study", "import", "other", "out/masks", "--replace").status == 0
    (facts,) = run("study", "info", "other", "--json").records
    assert facts["in-progress"] == 1


def test_coco_by_default_into_the_studys_exports(study: Study, run: Run, shipped: Path) -> None:
    outcome = run("study", "export", "my study", "--format", "coco", "--all", "--json")
    assert outcome.status == 0
    (facts,) = outcome.records
    folder = Path(facts["folder"])
    assert folder.parent == study.folder / "exports"
    values = json.loads((folder / "annotations.json").read_text())
    assert len(values["images"]) == 3
    assert values["categories"][0]["name"] == "vessel"
    assert Study.open(study.folder).pictures()[0].name == "eye 0.png"


@pytest.mark.parametrize("encoding", ["ascii", "cp1251", "utf-8"])
def test_json_is_json_whatever_the_terminal_writes(work: Path, run: Run, encoding: str) -> None:
    save_picture(work / "pictures" / "eye.png")
    run("study", "new", "Pr\u00e4parat [draft] \u00e9", "--pictures", "pictures")
    command = [sys.executable, "-m", "vesselapp", "study", "info", "Pr\u00e4parat [draft] \u00e9", "--json"]
    done = subprocess.run(
        command, capture_output=True, check=True, env=os.environ | {"PYTHONIOENCODING": encoding}
    )
    assert json.loads(done.stdout.decode(encoding))["name"] == "Pr\u00e4parat [draft] \u00e9"
    assert "[draft]" in run("study", "info", "Pr\u00e4parat [draft] \u00e9").out


def test_touching_cells_apart(run: Run, work: Path) -> None:
    save_nuclei(work / "cells" / "nuclei.png")
    run("study", "new", "cells study", "--pictures", "cells", "--model", "cells")
    found = {}
    for more in ((), ("--parted",)):
        words = ("study", "export", "cells study", "--out", f"out{len(more)}", "--format", "coco", "--all")
        (facts,) = run(*words, "--json", *more).records
        found[more] = json.loads((Path(facts["folder"]) / "annotations.json").read_text())["annotations"]
    assert [len(one) for one in found.values()] == [4, 5]
    areas = [sum(part["area"] for part in one) for one in found.values()]
    assert areas[0] == areas[1]
    assert "not reviewed" in " ".join(facts["notes"])
    told = json.loads((Path(facts["folder"]) / "provenance" / "nuclei_mask.json").read_text())
    assert told["parted_by"]["model"] == "cells"
    refused = run("study", "export", "cells study", "--all", "--parted")
    assert refused.status == 1
    assert "--parted is for COCO" in refused.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("info", "nowhere"), "There is no study in"),
        (("verify", "nowhere"), "There is no study in"),
        (("export", "nowhere"), "There is no study in"),
        (("import", "nowhere", "masks"), "There is no study in"),
        (("export", "my study"), "no reviewed pictures to export"),
        (("import", "my study", "nowhere"), "can't be read"),
        (("new", "my study"), "There is a study in"),
        (("new", "x", "--pictures", "nowhere"), "isn't there"),
        (("new", "x", "--pictures", "x" * 300), "isn't there, or can't be looked at. Check"),
        (("new", "x" * 300, "--pictures", "pictures"), "can't be written to: the name is too long"),
        (("new", "x", "--pictures", "pictures/eye 0.png"), "eye 0.png is a file. Name the folder"),
    ],
)
def test_what_goes_wrong_is_one_sentence(study: Study, run: Run, words: tuple[str, ...], told: str) -> None:
    outcome = run("study", *words)
    assert outcome.status == 1
    assert told in outcome.err
    assert "Traceback" not in outcome.err


def test_wrong_usage_is_told(run: Run) -> None:
    assert run("study").status == 2
    assert run("study", "dance").status == 2
    assert run("study", "export", "x", "--objects", "--whole").status == 2
    assert run("study", "--help").status == 0
