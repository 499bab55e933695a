"""Masks out to other programs, and back in from them."""

import json
import shutil
import sys
import unicodedata
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.study.studies import draw, facts_of, let_no_one_list, make_study, mask_from, picture_of, review
from tests.tiny_models import tiny_vessel_model
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.evidence import level_of, mask_of, quantise
from vesselapp.core.model_card import ScaleSpec
from vesselapp.inference import objects
from vesselapp.inference.model import Model, load_model
from vesselapp.inference.predict import predict
from vesselapp.study.exchange import export_study
from vesselapp.study.judging import Judging
from vesselapp.study.kept import Kept
from vesselapp.study.models import Registry
from vesselapp.study.record import Record, State
from vesselapp.study.study import Study
from vesselapp.study.taking import EDIT_NAME, import_masks
from vesselapp.study.unusable import unknown_told
from vesselapp.study.verify import verify_study

DISC = (np.hypot(*(np.mgrid[:40, :50] - 19)) < 11).astype(np.uint8)


def read(path: Path) -> np.ndarray:
    with PIL.Image.open(path) as stored:
        return np.array(stored)


def kept_of(study: Study, name: str) -> Kept:
    picture = picture_of(study, name)
    facts = facts_of(picture)
    kept = study.place(picture).load(facts.sha256, facts.height, facts.width)
    assert kept is not None
    return kept


def problems(study: Study) -> list[str]:
    return [finding.sentence for finding in verify_study(study.folder) if finding.problem]


# -- out ----------------------------------------------------------------------------------------------------


def test_a_pair_of_folders(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png", "sub/a.jpg"))
    work, answer = review(study, "a.png", note="schön", active_seconds=12.5)
    review(study, "a.jpg", seed=4)
    review(study, "b.png", state=State.IN_PROGRESS)
    out = tmp_path / "out put"
    outcome = export_study(study, out, who="ann")
    assert outcome.stems == ["a_png", "a_jpg"]
    assert outcome.left_out == outcome.notes == []
    assert sorted(path.name for path in (out / "images").iterdir()) == ["a_jpg.jpg", "a_png.png"]
    listed = json.loads((out / "export.json").read_text())["files"]
    written = {str(path.relative_to(out).as_posix()) for path in out.rglob("*") if path.is_file()}
    assert {*listed, "export.json"} == written
    assert (out / "images" / "a_png.png").read_bytes() == (study.roots[0] / "a.png").read_bytes()
    mask = read(out / "masks" / "a_png.png")
    expected = np.where(work.corrections == 0, answer >= 100, work.corrections == 2)
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, expected * 255)
    unsure = read(out / "unsure" / "a_png.png") if (work.corrections == 3).any() else None
    facts = json.loads((out / "masks" / "a_png_mask.json").read_text())
    assert (facts["state"], facts["note"], facts["who"], facts["level"]) == ("reviewed", "schön", "ann", 100)
    assert (facts["active_seconds"], facts["answer"], facts["study"]) == (12.5, "kept", "Trial")
    assert facts["image_sha256"] == facts_of(picture_of(study, "a.png")).sha256
    assert facts["software"].startswith("vesselapp")
    assert facts["unsure"]["pixels"] == int((work.corrections == 3).sum())
    assert (unsure is None) == (facts["unsure"]["file"] == "")
    assert problems(study) == []


def test_unsure_is_left_out_and_told(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png",))
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)
    from vesselapp.core.edits import EditRecorder
    from vesselapp.core.geometry import Box
    from vesselapp.study.journal import Edited

    plane = np.zeros((40, 50), np.uint8)
    recorder = EditRecorder(plane)
    recorder.about_to_change(Box(0, 0, 50, 40))
    plane[:5, :7] = 3
    edit = recorder.finish("unsure")
    assert edit is not None
    writer = study.place(picture).open("ann", facts)
    writer.append([Edited(edit)])
    writer.write_answer(np.full((40, 50), 200, np.uint8))
    writer.write_record(Record("a.png", facts.sha256, 40, 50, state=State.REVIEWED))
    writer.close()
    export_study(study, tmp_path / "out")
    mask, unsure = read(tmp_path / "out/masks/a.png"), read(tmp_path / "out/unsure/a.png")
    assert not mask[:5, :7].any()
    assert mask.sum() == (2000 - 35) * 255
    assert np.array_equal(unsure > 0, plane == 3)
    told = json.loads((tmp_path / "out/masks/a_mask.json").read_text())["unsure"]
    assert told == {"pixels": 35, "file": "unsure/a.png"}


def test_nothing_there_is_an_empty_mask_whatever_the_model_says(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png",))
    review(study, "a.png", nothing_there=True)
    export_study(study, tmp_path / "out")
    assert not read(tmp_path / "out/masks/a.png").any()


@pytest.mark.parametrize("objects", [True, False])
def test_coco(tmp_path: Path, objects: bool) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    review(study, "a.png")
    review(study, "b.png", seed=2)
    export_study(study, tmp_path / "out", "coco", objects=objects)
    values = json.loads((tmp_path / "out/annotations.json").read_text())
    assert [image["file_name"] for image in values["images"]] == ["a.png", "b.png"]
    assert len({one["id"] for one in values["annotations"]}) == len(values["annotations"])
    assert [category["id"] for category in values["categories"]] == [1]
    for image in values["images"]:
        assert (tmp_path / "out/images" / image["file_name"]).exists()
        own = [one for one in values["annotations"] if one["image_id"] == image["id"]]
        joined = np.zeros((image["height"], image["width"]), bool)
        for one in own:
            joined |= mask_from(one["segmentation"]["counts"], *one["segmentation"]["size"])
            assert (one["category_id"], one["iscrowd"]) == (1, 0)
        assert np.array_equal(joined, kept_of(study, image["file_name"]).mask())
        assert len(own) > 1 if objects else len(own) == 1
        assert (tmp_path / "out/provenance" / f"{Path(image['file_name']).stem}_mask.json").exists()


def test_pictures_nobody_reviewed_are_judged_by_the_model(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png", "c.png"))
    review(study, "a.png")
    model = tiny_vessel_model(tmp_path / "tiny.onnx", name="Tiny", threshold=0.3)
    with pytest.raises(VesselError, match="no reviewed pictures to export"):
        export_study(make_study(tmp_path / "other"), tmp_path / "none")
    outcome = export_study(
        study, tmp_path / "out", everything=True, judging=Judging(study, str(model), "cpu")
    )
    assert outcome.stems == ["a", "b", "c"]
    facts = json.loads((tmp_path / "out/masks/b_mask.json").read_text())
    assert (facts["model"], facts["answer"], facts["state"]) == ("Tiny", "computed at export", "new")
    assert facts["threshold"] == pytest.approx(0.3, abs=0.005)
    with PIL.Image.open(study.roots[0] / "b.png") as picture:
        green = np.array(picture)[..., 1].astype(float)
    mask = read(tmp_path / "out/masks/b.png") > 0
    sure = np.abs(1 - green / 200 - 0.3) > 0.02
    assert np.array_equal(mask[sure], (1 - green / 200 >= 0.3)[sure])
    assert json.loads((tmp_path / "out/masks/a_mask.json").read_text())["answer"] == "kept"


def test_an_answer_of_today_is_cut_at_its_models_own_threshold(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    review(study, "a.png", state=State.IN_PROGRESS, level=127)
    for name in ("answer.png", "journal.log", "corrections.png"):  # of a former model
        (study.place(picture_of(study, "a.png")).folder / name).unlink()
    model = tiny_vessel_model(tmp_path / "tiny.onnx", threshold=0.3)
    export_study(study, tmp_path / "out", everything=True, judging=Judging(study, str(model), "cpu"))
    for stem in ("a", "b"):
        facts = json.loads((tmp_path / f"out/masks/{stem}_mask.json").read_text())
        assert facts["threshold"] == pytest.approx(0.3, abs=0.005)


def test_the_size_of_cells_that_a_person_set_is_asked_again(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    review(study, "a.png", state=State.IN_PROGRESS, object_diameter=12.0)
    (study.place(picture_of(study, "a.png")).folder / "answer.png").unlink()
    scale = ScaleSpec(kind="object_diameter", size=20)
    file = tiny_vessel_model(tmp_path / "cells.onnx", scale=scale, blur=5, task="cells")
    export_study(study, tmp_path / "out", everything=True, judging=Judging(study, str(file), "cpu"))
    model, kept = load_model(file, "cpu"), kept_of(study, "a.png")
    for stem, size in (("a", 12.0), ("b", None)):
        pixels = read(study.roots[0] / f"{stem}.png")
        answer = quantise(predict(model, pixels, object_diameter=size).probability)
        expected = kept.mask(answer) if stem == "a" else mask_of(answer, level_of(0.5))
        assert np.array_equal(read(tmp_path / f"out/masks/{stem}.png") > 0, expected)
        facts = json.loads((tmp_path / f"out/masks/{stem}_mask.json").read_text())
        assert facts["object_diameter"] == size
    judging = Judging(study, str(tiny_vessel_model(tmp_path / "vessels.onnx")), "cpu")
    export_study(study, tmp_path / "vessels", everything=True, judging=judging)
    facts = json.loads((tmp_path / "vessels/masks/a_mask.json").read_text())
    assert facts["object_diameter"] is None  # of no matter to that model


def test_cells_are_parted_at_the_size_that_a_person_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(tmp_path, ("a.png",))
    review(study, "a.png", object_diameter=12.0)
    sizes: list[float] = []
    answer_cells = objects.answer_cells

    def watched(model: Model, pixels: np.ndarray, diameter: float) -> tuple[np.ndarray, np.ndarray]:
        sizes.append(diameter)
        return answer_cells(model, pixels, diameter)

    monkeypatch.setattr(objects, "answer_cells", watched)
    monkeypatch.setattr(objects, "find_diameter", lambda *_args: pytest.fail("its size is known"))
    export_study(study, tmp_path / "out", "coco", parted=True, judging=Judging(study, "cells", "cpu"))
    assert sizes == [12.0]
    facts = json.loads((tmp_path / "out/provenance/a_mask.json").read_text())
    assert facts["object_diameter"] == facts["parted_by"]["object_diameter"] == 12.0
    assert facts["parted_by"]["model"] == "cells"


def test_a_reviewed_mask_is_never_made_of_another_answer(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    review(study, "a.png")
    review(study, "b.png", seed=2)
    (study.place(picture_of(study, "a.png")).folder / "answer.png").unlink()
    judging = Judging(study, str(tiny_vessel_model(tmp_path / "tiny.onnx")), "cpu")
    outcome = export_study(study, tmp_path / "out", judging=judging)
    assert outcome.stems == ["b"]
    assert "is not what was reviewed" in outcome.left_out[0]


def test_coco_asks_what_it_is_of_where_the_model_is_away(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    review(study, "a.png")
    study.set_model("gone.onnx")
    with pytest.raises(VesselError, match="cells or vessels can't be told") as told:
        export_study(study, tmp_path / "out", "coco")
    assert "choose which: objects (cells) or whole (vessels)" in told.value.hint
    assert export_study(study, tmp_path / "out", "coco", objects=True).stems == ["a"]


@pytest.mark.parametrize("spoil", ["gone", "changed"])
def test_an_export_tells_that_another_model_answered(tmp_path: Path, spoil: str) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    study.set_model(str(tiny_vessel_model(study.folder / "first.onnx", name="First")))
    registry = Registry(study.folder)
    number = registry.add(tiny_vessel_model(tmp_path / "second.onnx", name="Second"))
    registry.use(number, who="ann")
    review(study, "a.png")
    assert export_study(study, tmp_path / "sound", everything=True).notes == []
    file = registry.entry(number).path
    file.unlink() if spoil == "gone" else tiny_vessel_model(file, name="Second", threshold=0.3)
    assert export_study(study, tmp_path / "one").notes == []
    outcome = export_study(study, tmp_path / "all", everything=True)
    (note,) = outcome.notes
    assert note.startswith(f"The file of model {number} ")
    assert spoil in note
    assert note.endswith("the study's first model is used.")
    assert json.loads((tmp_path / "all/masks/b_mask.json").read_text())["model"] == "First"


def test_an_export_replaces_only_an_export(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    review(study, "a.png")
    review(study, "b.png")
    export_study(study, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    review(study, "a.png", state=State.FLAGGED)
    export_study(study, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out/masks").iterdir()) == ["b.png", "b_mask.json"]
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_bytes(b"")
    with pytest.raises(VesselError, match="holds other files"):
        export_study(study, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.doc"]


@pytest.mark.parametrize("what", ["masks/a.png", "images/a.png", "masks/b.png", "annotations.json"])
@pytest.mark.parametrize("kind", ["folder", "coco"])
def test_an_export_never_replaces_what_a_person_changed_in_an_earlier_one(
    tmp_path: Path, kind: str, what: str
) -> None:
    study, out = make_study(tmp_path, ("a.png", "b.png")), tmp_path / "out"
    review(study, "a.png")
    export_study(study, out)
    review(study, "b.png")
    (out / what).write_bytes(b"an hour's work")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(VesselError, match="was changed or added since the earlier export") as told:
        export_study(study, out, kind, objects=False)
    assert str(out / what) in told.value.message
    assert "Choose another folder" in told.value.hint
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    (out / what).rename(tmp_path / "kept")
    assert export_study(study, out, kind, objects=False).stems == ["a", "b"]


@pytest.mark.parametrize("ended", ["stopped", "killed"])
def test_an_export_goes_into_the_folder_of_one_that_came_to_no_end(tmp_path: Path, ended: str) -> None:
    study, out = make_study(tmp_path, ("a.png", "b.png")), tmp_path / "out"
    for name in ("a.png", "b.png"):
        review(study, name)

    def stop(share: float) -> None:
        if share:
            shutil.copytree(out, tmp_path / "killed")
            raise Cancelled

    with pytest.raises(Cancelled):
        export_study(study, out, progress=stop)
    out = out if ended == "stopped" else tmp_path / "killed"
    assert (out / "masks/a.png").exists()
    if ended == "stopped":
        (out / "masks/a.png").write_bytes(b"an hour's work")
        with pytest.raises(VesselError, match="was changed"):
            export_study(study, out)
        (out / "masks/a.png").unlink()
    assert export_study(study, out, "coco", objects=False).stems == ["a", "b"]
    assert (out / "annotations.json").exists()
    assert not list((out / "masks").iterdir())


@pytest.mark.parametrize("files", [["masks/a.png"], "no"])
def test_an_earlier_exports_list_that_tells_nothing_is_refused(tmp_path: Path, files: object) -> None:
    study, out = make_study(tmp_path, ("a.png",)), tmp_path / "out"
    review(study, "a.png")
    export_study(study, out)
    about = json.loads((out / "export.json").read_text())
    (out / "export.json").write_text(json.dumps(about | {"files": files}))
    with pytest.raises(VesselError, match="earlier export"):
        export_study(study, out)
    assert (out / "masks/a.png").exists()


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("kind", ["folder", "coco"])
def test_masks_that_are_reviewed_in_part_are_told(tmp_path: Path, kind: str, count: int) -> None:
    names = ("a.png", "b.png", "c.png")
    study = make_study(tmp_path, names)
    for number, name in enumerate(names):
        in_part = number < count
        review(study, name, reviewed_boxes=((0, 0, 10, 10),) if in_part else ())
    notes = export_study(study, tmp_path / "out", kind, objects=False).notes
    begun = ["1 picture is reviewed in part", "2 pictures are reviewed in part"]
    assert [note.partition(":")[0] for note in notes] == (begun[count - 1 : count] if count else [])


@pytest.mark.parametrize("name", [".DS_Store", "._mine.txt", "Thumbs.db", "desktop.ini", "Desktop.ini"])
def test_a_new_folder_that_was_looked_into_is_still_new(tmp_path: Path, name: str) -> None:
    study = make_study(tmp_path, ("a.png",))
    review(study, "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(b"x")
    for _ in range(2):
        assert export_study(study, tmp_path / "out").stems == ["a"]
    assert (tmp_path / "out" / name).read_bytes() == b"x"


def test_a_changed_or_missing_picture_is_left_out_and_told(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    for name in ("a.png", "b.png", "c.png"):
        review(study, name)
    draw(study.roots[0] / "a.png", 50)
    (study.roots[0] / "b.png").unlink()
    outcome = export_study(study, tmp_path / "out")
    assert outcome.stems == ["c"]
    assert "a.png was left out: it was changed" in outcome.left_out[1]
    assert "1 reviewed picture is missing" in outcome.left_out[0]


@pytest.mark.parametrize("what", ["root", "folder"])
def test_pictures_that_can_not_be_reached_are_told_where_all_are_exported(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path / "pictures" / "a.png")
    away = draw(tmp_path / ("more" if what == "root" else "pictures/more") / "b.png", 1).parent
    roots = [tmp_path / "pictures", *([away] if what == "root" else [])]
    study = Study.create(tmp_path / "study", "Trial", roots)
    review(study, "a.png")
    away.rename(tmp_path / "moved") if what == "root" else let_no_one_list(monkeypatch, away)
    assert export_study(study, tmp_path / "reviewed").left_out == []
    outcome = export_study(study, tmp_path / "all", everything=True)
    assert outcome.stems == ["a"]
    (told,) = outcome.left_out
    assert str(away) in told
    assert told.endswith("its pictures are left out.")


def test_where_all_that_is_asked_for_is_away_it_is_told_where(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png",))
    review(study, "a.png")
    study.roots[0].rename(tmp_path / "moved")
    with pytest.raises(VesselError, match=r"The only reviewed picture is missing \(a.png\)"):
        export_study(study, tmp_path / "out")
    with pytest.raises(VesselError, match="no pictures to export") as told:
        export_study(study, tmp_path / "out", everything=True)
    assert str(study.roots[0]) in told.value.hint


def test_an_audit_log_that_can_not_be_written_takes_nothing_from_what_is_told(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    for name in ("a.png", "b.png"):
        review(study, name)
    (study.roots[0] / "b.png").unlink()
    (study.folder / "audit.log").unlink()
    (study.folder / "audit.log").mkdir()
    outcome = export_study(study, tmp_path / "out")
    assert (outcome.stems, len(outcome.left_out)) == (["a"], 1)
    assert outcome.notes[0].startswith("The audit log doesn't tell of it: ")
    taken = import_masks(study, tmp_path / "out" / "masks")
    assert "a.png was not taken" in taken.left_out[0]
    assert taken.notes[-1].startswith("The audit log doesn't tell of it: ")


def test_what_is_exported_into_the_folder_of_pictures_is_none_of_them(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    review(study, "a.png")
    before = [picture.relative for picture in study.pictures()]
    root = study.roots[0]
    export_study(study, root / "for others")
    assert [picture.relative for picture in study.pictures()] == before
    again = Study.create(tmp_path / "again", "Again", [root / "for others"])
    assert [picture.relative for picture in again.pictures()] == ["images/a.png"]
    draw(root / "camera" / "d.png")
    (root / "camera" / "export.json").write_text('{"kind": "of another program"}')
    assert [picture.relative for picture in study.pictures()] == [*before, "camera/d.png"]


def test_a_very_long_name_is_cut_and_stops_nothing(tmp_path: Path) -> None:
    long = "網膜" * 41
    study = make_study(tmp_path, ("a.png", f"{long}.png"))
    review(study, "a.png")
    review(study, f"{long}.png")
    for kind in ("folder", "coco", "folder"):
        outcome = export_study(study, tmp_path / "out", kind, objects=False)
        assert outcome.left_out == []
        assert outcome.stems[0] == "a"
        assert long.startswith(outcome.stems[1])
        assert (tmp_path / f"out/images/{outcome.stems[1]}.png").exists()
    assert (tmp_path / f"out/masks/{outcome.stems[1]}_mask.json").exists()
    back = import_masks(study, tmp_path / "out" / "masks", reviewed=True, replace_corrections=True)
    assert (back.pictures, back.left_out) == (["a.png", f"{long}.png"], [])


@pytest.mark.parametrize("kind", ["folder", "coco"])
@pytest.mark.parametrize("linked", ["root", "images"])
def test_an_export_never_replaces_the_pictures_it_is_of(tmp_path: Path, kind: str, linked: str) -> None:
    first = make_study(tmp_path)
    for name in ("a.png", "b.png"):
        review(first, name)
    out = tmp_path / "out"
    export_study(first, out)
    if linked == "images":  # the export's images are the originals, to spare the disk
        shutil.rmtree(out / "images")
        (out / "images").symlink_to(first.roots[0])
        study = first
    else:  # the export is another study's pictures, reached by a link
        (tmp_path / "link").symlink_to(out)
        study = Study.create(tmp_path / "other", "Other", [tmp_path / "link"])
        review(study, "a.png")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(VesselError, match="own pictures lie in") as told:
        export_study(study, out, kind, objects=False)
    assert "new or an empty folder" in told.value.hint
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert len(list(first.roots[0].iterdir())) == 3


@pytest.mark.parametrize("count", [0, 1, 2])
def test_pictures_that_are_upright_by_exif_alone_are_told(tmp_path: Path, count: int) -> None:
    names = ("a.jpg", "b.jpg")
    study = make_study(tmp_path, names)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    for name in names[:count]:
        with PIL.Image.open(study.roots[0] / name) as picture:
            picture.save(study.roots[0] / name, exif=exif)
    for name in names:
        review(study, name)
    notes = export_study(study, tmp_path / "out").notes
    begun = ["1 picture is upright only by its EXIF data", "2 pictures are upright only by their EXIF data"]
    assert [note.partition(":")[0] for note in notes] == (begun[count - 1 : count] if count else [])
    assert read(tmp_path / "out/masks/a.png").shape == ((50, 40) if count else (40, 50))


@pytest.mark.parametrize("spoil", ["cut", "gone"])
def test_a_damaged_record_is_told(tmp_path: Path, spoil: str) -> None:
    study = make_study(tmp_path)
    for seed, name in enumerate(("a.png", "b.png")):
        review(study, name, seed=seed)
    assert unknown_told(study, study.pictures()) == []
    record = study.place(picture_of(study, "b.png")).folder / "record.json"
    record.unlink() if spoil == "gone" else record.write_bytes(record.read_bytes()[:200])
    assert "b.png is damaged" in unknown_told(study, study.pictures())[0]
    outcome = export_study(study, tmp_path / "out")
    assert outcome.stems == ["a"]
    assert "b.png is damaged" in outcome.left_out[0]
    judging = Judging(study, str(tiny_vessel_model(tmp_path / "tiny.onnx")))
    everything = export_study(study, tmp_path / "all", everything=True, judging=judging)
    assert "b" in everything.stems
    assert "b.png is damaged" in everything.notes[0]
    told = {stem: json.loads((tmp_path / f"all/masks/{stem}_mask.json").read_text()) for stem in "abc"}
    assert [told[stem]["state"] for stem in "abc"] == ["reviewed", "in-progress", "new"]
    (study.place(picture_of(study, "a.png")).folder / "record.json").write_text("{")
    with pytest.raises(VesselError) as told:
        export_study(study, tmp_path / "none")
    assert "The records of 2 pictures are damaged" in told.value.hint


@pytest.mark.parametrize("why", ["newer", "refused"])
def test_a_record_that_cannot_be_read_is_not_called_damaged(tmp_path: Path, why: str) -> None:
    study = make_study(tmp_path)
    records = []
    for name in ("a.png", "b.png"):
        review(study, name)
        records.append(study.place(picture_of(study, name)).folder / "record.json")

    def spoil(record: Path) -> None:
        if why == "newer":
            record.write_text(json.dumps(json.loads(record.read_text()) | {"format": 3}))
        else:
            record.unlink()
            record.mkdir()

    told = {"newer": "Install the newer version", "refused": "Its record can't be read"}[why]
    spoil(records[0])
    outcome = export_study(study, tmp_path / "out")
    assert outcome.stems == ["b"]
    (sentence,) = outcome.left_out
    assert sentence.startswith("It isn't known whether a.png was reviewed: ")
    assert told in sentence
    spoil(records[1])
    with pytest.raises(VesselError) as problem:
        export_study(study, tmp_path / "none")
    assert "2 pictures were reviewed (first: a.png)" in problem.value.hint
    assert told in problem.value.hint
    assert "damaged" not in str(problem.value)


def test_copies_that_a_sync_tool_made_are_no_pictures(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    for name in ("a.png", "b.png"):
        review(study, name)
    folder = study.place(picture_of(study, "a.png")).folder
    for more in (" (conflicted copy 2026-11-28)", ".sync-conflict-20261128-101010-ABCDEFG"):
        shutil.copytree(folder, folder.with_name(folder.name + more))
        assert len(study.keys()) == len(dict(study.records())) == 2
    outcome = export_study(study, tmp_path / "out")
    assert (outcome.stems, outcome.left_out) == (["a", "b"], [])
    (sentence,) = outcome.notes
    assert "2 copies of annotations" in sentence
    assert "(conflicted copy" in sentence
    assert problems(study) == ["This is a copy of an annotation, made without the app."] * 2
    shutil.rmtree(folder)  # what was kept in a copy alone comes back
    picture = picture_of(study, "a.png")
    assert study.note_opened(picture, facts_of(picture).sha256).what == "moved"
    assert kept_of(study, "a.png").record is not None
    assert len(study.copies()) == 1


# -- in -----------------------------------------------------------------------------------------------------


def save_mask(path: Path, mask: np.ndarray, **options: object) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(mask).save(path, **options)
    return mask > 0


def exported(tmp_path: Path) -> tuple[Study, Study]:
    """Give a study of three reviewed pictures, exported to `out`, and another of the same pictures."""
    study = make_study(tmp_path / "one")
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        review(study, name, seed=seed)
    export_study(study, tmp_path / "out")
    return study, make_study(tmp_path / "two")


def test_masks_go_out_and_come_back_the_same(tmp_path: Path) -> None:
    study, other = exported(tmp_path)
    outcome = import_masks(other, tmp_path / "out" / "masks", reviewed=True, who="ann")
    assert outcome.pictures == ["a.png", "b.png", "c.png"]
    assert outcome.left_out == []
    assert outcome.notes == ["In 2 pictures some px are unsure, as in the export."]
    for name in ("a.png", "b.png", "c.png"):
        kept = kept_of(other, name)
        assert not kept.needs_answer
        assert np.array_equal(kept.mask(), kept_of(study, name).mask())
        assert kept.record is not None
        assert kept.record.state is State.REVIEWED
    assert problems(other) == []
    export_study(other, tmp_path / "again")
    for name in ("a", "b", "c"):
        assert (tmp_path / f"again/masks/{name}.png").read_bytes() == (
            tmp_path / f"out/masks/{name}.png"
        ).read_bytes()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="some of these names are one there")
def test_an_export_comes_back_whatever_its_pictures_are_called(tmp_path: Path) -> None:
    names = ("a.png", "a.tif", "A.PNG", "a_png.png", "x/a.png", "\u00e9.png", "e\u0301.png", "caf\udce9.png")
    for seed, name in enumerate(names):
        draw(tmp_path / "one" / name, seed)
    draw(tmp_path / "two" / "a.png", 20)
    study = Study.create(tmp_path / "study", roots=[tmp_path / "one", tmp_path / "two"])
    judging = Judging(study, str(tiny_vessel_model(tmp_path / "tiny.onnx")), "cpu")
    masks = tmp_path / "out" / "masks"
    assert len(export_study(study, masks.parent, everything=True, judging=judging).stems) == 9
    outcome = import_masks(study, masks)
    assert (len(outcome.pictures), outcome.left_out, outcome.notes) == (9, [], [])
    told = {}
    for beside in masks.glob("*_mask.json"):
        told[json.loads(beside.read_text())["image_sha256"]] = read(masks / f"{beside.name[:-10]}.png") > 0
    for picture in study.pictures():
        sha256 = facts_of(picture).sha256
        kept = study.place(picture).load(sha256, 40, 50)
        assert kept is not None
        assert np.array_equal(kept.mask(), told[sha256])


def test_a_mask_is_not_taken_for_another_image_of_the_same_path(tmp_path: Path) -> None:
    _, other = exported(tmp_path)
    pictures = {picture.name: picture.path for picture in other.pictures()}
    first = pictures["a.png"].read_bytes()
    pictures["a.png"].write_bytes(pictures["b.png"].read_bytes())
    pictures["b.png"].write_bytes(first)
    outcome = import_masks(other, tmp_path / "out" / "masks", reviewed=True)
    assert outcome.pictures == ["c.png"]
    assert [told.partition(" was not taken: it is of another image")[0] for told in outcome.left_out] == [
        "a.png",
        "b.png",
    ]


def test_a_mask_that_only_has_the_name_of_a_picture_comes_after_its_own(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "a.tif"))
    review(study, "a.png")
    review(study, "a.tif", seed=2)
    export_study(study, tmp_path / "out")
    (tmp_path / "pictures" / "a.tif").unlink()
    save_mask(tmp_path / "out" / "masks" / "a.png", DISC)
    outcome = import_masks(study, tmp_path / "out" / "masks", replace_corrections=True)
    assert outcome.pictures == ["a.png"]
    assert any(
        "a.png was not taken: another file is called the mask of a.png" in one for one in outcome.left_out
    )


def test_a_mask_is_found_however_its_accents_are_put_together(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("m\xfcller.png",))
    masks = tmp_path / "masks"
    masks.mkdir()
    size = read(picture_of(study, "m\xfcller.png").path).shape[:2]
    mask = PIL.Image.fromarray(np.eye(*size, dtype=np.uint8) * 255)
    mask.save(masks / unicodedata.normalize("NFD", "M\xfcller_mask.png"))
    assert import_masks(study, masks, reviewed=True, who="ann").pictures == ["m\xfcller.png"]


def test_an_import_that_replaces_is_of_who_made_it(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png",))
    masks = []
    for number, who in enumerate(("ann", "bob")):
        masks.append(tmp_path / f"masks {number}" / "a.png")
        masks[-1].parent.mkdir()
        mask = np.zeros((40, 50), np.uint8)
        mask[10 * number : 10 * number + 10] = 255
        PIL.Image.fromarray(mask).save(masks[-1])
        import_masks(study, masks[-1].parent, reviewed=True, replace_corrections=bool(number), who=who)
        record = study.place(picture_of(study, "a.png")).record()
        assert record is not None
        assert (record.who, record.note) == (who, f"Mask imported from {masks[-1]}")
    review(study, "a.png", note="blurred")
    import_masks(study, masks[0].parent, replace_corrections=True, who="eve")
    record = study.place(picture_of(study, "a.png")).record()
    assert record is not None
    assert (record.who, record.note) == ("eve", "blurred")


def test_an_imported_mask_is_of_no_model(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png",))
    review(study, "a.png", state=State.IN_PROGRESS, model="Tiny", model_sha256="ab" * 32, adapted_px=7)
    (study.place(picture_of(study, "a.png")).folder / "answer.png").unlink()
    save_mask(tmp_path / "masks" / "a.png", DISC)
    import_masks(study, tmp_path / "masks", reviewed=True, replace_corrections=True)
    export_study(study, tmp_path / "out")
    facts = json.loads((tmp_path / "out/masks/a_mask.json").read_text())
    assert facts["answer"] == "none needed"
    assert (facts["model"], facts["model_sha256"], facts["adapted_px"]) == ("", "", 0)


def test_an_imported_mask_can_be_undone_and_is_in_progress(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.jpg",))
    mask = np.zeros((40, 50), np.uint8)
    mask[3:9, 4:30] = 255
    save_mask(tmp_path / "masks" / "A_mask.PNG", mask)
    outcome = import_masks(study, tmp_path / "masks", who="ann")
    assert outcome.pictures == ["a.jpg"]
    kept = kept_of(study, "a.jpg")
    assert [edit.name for edit in kept.done] == [EDIT_NAME]
    assert kept.record is not None
    assert (kept.record.state, kept.record.who) == (State.IN_PROGRESS, "ann")
    kept.done[0].apply(kept.corrections)
    assert not kept.corrections.any()


def test_corrections_are_replaced_only_on_wish_and_nothing_is_lost(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    work, _ = review(study, "a.png", note="mine")
    mask = np.zeros((40, 50), np.uint8)
    mask[0] = 1
    save_mask(tmp_path / "masks" / "a.png", mask)
    outcome = import_masks(study, tmp_path / "masks")
    assert outcome.pictures == []
    assert "corrections already" in outcome.left_out[0]
    assert outcome.notes == ["1 of 2 pictures have no mask in the folder."]
    assert np.array_equal(kept_of(study, "a.png").corrections, work.corrections)
    assert import_masks(study, tmp_path / "masks", replace_corrections=True).pictures == ["a.png"]
    kept = kept_of(study, "a.png")
    assert np.array_equal(kept.mask(), mask > 0)
    assert kept.record is not None
    assert kept.record.note == "mine"
    kept.done[-1].apply(kept.corrections)
    assert np.array_equal(kept.corrections, work.corrections)


def test_a_flag_is_taken_away_only_on_wish(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png",))
    picture = picture_of(study, "a.png")
    facts = facts_of(picture)
    writer = study.place(picture).open("ann", facts)
    writer.write_record(Record("a.png", facts.sha256, 40, 50, state=State.FLAGGED, note="do not use"))
    writer.close()
    save_mask(tmp_path / "masks" / "a.png", DISC)
    outcome = import_masks(study, tmp_path / "masks", reviewed=True)
    assert outcome.pictures == []
    assert "its picture is flagged already (--replace" in outcome.left_out[0]
    record = study.place(picture).record()
    assert (record and record.state) is State.FLAGGED


def test_what_cannot_be_taken_is_told_in_a_sentence_each(tmp_path: Path) -> None:
    names = ("good.png", "size.png", "empty.png", "full.png", "broken.png", "twice.png", "one/same.png",
             "two/same.png", "busy.png", "without.png")  # fmt: skip
    study = make_study(tmp_path, names)
    masks = tmp_path / "masks"
    good = np.zeros((40, 50), np.uint8)
    good[2:5] = 255
    for name in ("good.png", "twice.png", "twice.tif", "same.png", "stranger.png", "busy.png"):
        save_mask(masks / name, good)
    save_mask(masks / "size.png", np.full((41, 50), 255, np.uint8))
    save_mask(masks / "empty.png", good * 0)
    save_mask(masks / "full.png", good * 0 + 255)
    (masks / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    (masks / "notes.txt").write_text("no mask")
    busy = picture_of(study, "busy.png")
    writer = study.place(busy).open("eve", facts_of(busy))
    outcome = import_masks(study, masks)
    assert outcome.pictures == ["good.png"]
    told = "\n".join(sorted(outcome.left_out))
    for part in (
        "broken.png was not taken: it can't be read",
        "busy.png was not taken: eve has it open",
        "empty.png was not taken: nothing is marked in it",
        "full.png was not taken: all of it is marked",
        "same.png was not taken: 2 pictures of the study have that name",
        "size.png was not taken: it is 50 x 41 px, its picture 50 x 40",
        "stranger.png was not taken: the study has no picture of that name",
        "twice.png, twice.tif were not taken",
    ):
        assert part in told
    assert len(outcome.left_out) == 8
    writer.close()
    with pytest.raises(VesselError, match="No file in"):
        import_masks(study, tmp_path / "study")
    with pytest.raises(VesselError, match="can't be read"):
        import_masks(study, tmp_path / "nowhere")


def test_a_full_disk_stops_an_export_with_a_sentence(tiny_disk: Path, tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png",))
    review(study, "a.png")
    (tiny_disk / "ballast").write_bytes(bytes(500 * 1024))
    with pytest.raises(VesselError, match="full"):
        export_study(study, tiny_disk / "out")
    assert not list(tiny_disk.rglob("*.tmp"))


def test_a_picture_is_never_taken_for_its_own_mask(tmp_path: Path) -> None:
    study = make_study(tmp_path, ("a.png", "b.png"))
    both = tmp_path / "both"
    both.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(tmp_path / "pictures" / name, both)
    mask = save_mask(both / "a_mask.png", np.pad(np.full((10, 10), 255, np.uint8), ((0, 30), (0, 40))))
    draw(both / "b.png", 50)  # of another kind, and called like the picture
    save_mask(both / "b_mask.png", np.pad(np.full((5, 5), 255, np.uint8), ((0, 35), (0, 45))))
    outcome = import_masks(study, both)
    assert outcome.pictures == ["a.png", "b.png"]
    assert np.array_equal(kept_of(study, "a.png").mask(), mask)
    assert "b.png was not taken: another file is called the mask" in outcome.left_out[0]
