"""What a study offers to learn from."""

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest

from tests.reviewed_study import drawn_study, review
from tests.tiny_models import tiny_probability
from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.evidence import level_of, quantise
from vesselapp.core.geometry import Box
from vesselapp.core.image import read_image
from vesselapp.state.jobs import Jobs
from vesselapp.state.offer import Offer, OfferedPicture, OfferLook, look_at, with_warnings
from vesselapp.study.record import State
from vesselapp.study.study import Study
from vesselapp.study.subjects import subject_of


def picture(name: str, share: float | None = 0.1, **changes: object) -> OfferedPicture:
    values = {"subject": name, "corrected_share": 0.02, "strokes": 5, "nothing_there": False, **changes}
    return OfferedPicture(name, name, name, foreground_share=share, **values)  # type: ignore[arg-type]


def offer(*pictures: OfferedPicture) -> Offer:
    return with_warnings(Offer(pictures, 10, 0, 0))


def doubts(*pictures: OfferedPicture) -> list[str]:
    return [one.doubt for one in offer(*pictures).pictures]


def test_plain_pictures_raise_no_doubt() -> None:
    found = offer(*(picture(name) for name in "abcde"))
    assert not found.warnings
    assert not found.doubtful
    assert found.corrected_share == pytest.approx(0.02)


def test_too_few_and_one_subject_are_told() -> None:
    assert "Only one picture" in offer(picture("a")).warnings[0]
    assert "Only 3 pictures" in offer(picture("a"), picture("b"), picture("c")).warnings[0]
    alike = offer(*(picture(name, subject="p1") for name in "abcde"))
    assert len(alike.warnings) == 1
    assert "one subject" in alike.warnings[0]


def test_masks_to_look_at_again_are_told() -> None:
    plain = [picture(name) for name in "abc"]
    assert "empty" in doubts(*plain, picture("x", 0.0))[-1]
    assert doubts(*plain, picture("x", 0.0, nothing_there=True))[-1] == ""
    assert "isn't empty" in doubts(*plain, picture("x", 0.1, nothing_there=True))[-1]
    hasty = picture("x", 0.0, nothing_there=True, corrected_share=0.3)
    assert "30.0% of it out of the mask" in doubts(*plain, hasty)[-1]
    assert "90.0%" in doubts(*plain, picture("x", 0.9))[-1]
    assert "1.0%" in doubts(*plain, picture("x", 0.01))[-1]
    assert doubts(*plain, picture("x", 0.3))[-1] == ""
    assert "Nobody corrected" in doubts(*plain, picture("x", corrected_share=0.0, strokes=0))[-1]
    assert doubts(*plain, picture("x", None)) == [""] * 4


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Image_01L.jpg", "Image_01R.jpg", True),
        ("p7 left.png", "p7_right.png", True),
        ("12-OD.tif", "12-OS.tif", True),
        ("Image_01L.jpg", "Image_02L.jpg", False),
        ("cell.png", "celr.png", False),
        ("a/1.png", "b/1.png", False),
        ("L.png", "R.png", False),
        ("0/p7/OD.jpg", "0/p7/OS.jpg", True),
        ("0/p7/OD.jpg", "0/p8/OS.jpg", False),
        ("0/p7/left_1.jpg", "0/p7/right_2.jpg", True),
        ("0/OD_1.jpg", "0/OD_2.jpg", False),
        ("0/OD_p7.jpg", "0/OS_p7.jpg", True),
        ("0/OD_p7.jpg", "0/OD_p8.jpg", False),
        ("0/p7_OD_2.jpg", "0/p7_OS_1.jpg", True),
        ("0/p7_OD_2.jpg", "0/p8_OD_2.jpg", False),
        ("0/p7_left_macula.jpg", "0/p7_right_disc.jpg", True),
        ("0/smith-OD.jpg", "0/smithOS.jpg", True),
        ("0/smith_OD.jpg", "0/jones_OD.jpg", False),
        ("0/scan_L_07.png", "0/scan_R_07.png", True),
        ("0/scan_L_07.png", "0/scan_L_08.png", False),
        ("0/OD/p7.png", "0/OS/p7.png", True),
        ("0/OD/p7.png", "0/OD/p8.png", False),
        ("0/p7/left/1.png", "0/p7/right/2.png", True),
        ("0/plate3_R07_1.png", "0/plate3_R08_1.png", False),
        ("0/IM1.png", "1/IM1.png", False),
        ("0/p7_OD.png", "0/P7_OS.png", True),
        ("0/Ward A/p7_OD.png", "0/ward a/p7_OS.png", True),
        (f"0/{normalize('NFC', 'Müller1_OD.png')}", f"0/{normalize('NFD', 'Müller1_OS.png')}", True),
        ("0/p7 (left).png", "0/p7 (right).png", True),
        ("0/p7 [OD] (1).png", "0/p7 [OS] (2).png", True),
        ("0/p7 (1).png", "0/p7 (2).png", False),
        ("0/p7,OD.png", "0/p7,OS.png", True),
        ("0/p7_left1.png", "0/p7_right2.png", True),
        ("0/ctrl_R1.tif", "0/ctrl_R2.tif", False),
        ("0/slide4_L1.png", "0/slide4_L2.png", False),
        ("0/2024/L1/a.png", "0/2024/L2/b.png", False),
    ],
)
def test_subjects_are_told_by_name(first: str, second: str, same: bool) -> None:
    assert (subject_of(first) == subject_of(second)) is same


def test_a_study_is_looked_at_twice_first_quickly(tmp_path: Path) -> None:
    study = drawn_study(tmp_path / "study", 4)
    listed = study.pictures()
    review(study, listed[0], boxes=[Box(0, 0, 130, 60)])
    review(study, listed[1], answer=np.full((120, 130), 1, np.uint8))
    review(study, listed[2], answer=np.full((120, 130), 253, np.uint8), reviewed_boxes=((0, 0, 10, 10),))
    review(study, listed[3], state=State.FLAGGED)
    first: list[Offer] = []
    found = look_at(study, first=first.append, cancelled=lambda: False)
    assert [one.foreground_share for one in first[0].pictures] == [None] * 3
    assert (found.total, found.flagged, found.in_progress) == (4, 1, 0)
    assert [one.name for one in found.pictures] == ["p0.png", "p1.png", "p2.png"]
    assert found.pictures[0].corrected_share == pytest.approx(0.5)
    assert found.pictures[0].foreground_share == pytest.approx(corrected_share(study))
    assert found.pictures[1].foreground_share == 0
    assert "empty" in found.pictures[1].doubt
    assert found.pictures[2].foreground_share == 1
    with pytest.raises(Cancelled):
        look_at(study, first=first.append, cancelled=lambda: True)


def corrected_share(study: Study) -> float:
    """Give the share of the first picture in the tiny model's mask with the upper half corrected."""
    mask = quantise(tiny_probability(read_image(study.pictures()[0].path).pixels)) >= level_of(0.5)
    mask[:60] = True
    return float(mask.mean())


def test_reviewed_pictures_that_are_not_there_are_told(tmp_path: Path) -> None:
    study = drawn_study(tmp_path / "study")
    for picture in study.pictures():
        review(study, picture)
    files = [picture.path for picture in study.pictures()]
    files[0].unlink()
    offer = look_at(study, first=lambda _offer: None, cancelled=lambda: False)
    assert offer.missing == ("p0.png",)
    assert any("A reviewed picture is missing (p0.png)" in told for told in offer.warnings)
    for file in files[1:]:
        file.unlink()
    offer = look_at(study, first=lambda _offer: None, cancelled=lambda: False)
    assert offer.pictures == ()
    assert any("All 3 reviewed pictures are missing (first: p0.png)" in told for told in offer.warnings)


def test_what_the_disk_refuses_is_told(tmp_path: Path) -> None:
    study = drawn_study(tmp_path / "study")
    review(study, study.pictures()[0])
    asked: list[Path] = []

    def refuse(folder: Path) -> None:
        asked.append(folder)
        raise VesselError("What was done last in p1.png is not saved yet: the disk is full.")

    jobs = Jobs(lambda function: function())
    look = OfferLook(jobs, refuse)
    found: list[Offer] = []
    look.found.connect(found.append)
    look.ask(study.folder)
    jobs.close()
    assert asked == [study.folder]
    assert len(found) == 2  # at first what the records tell, then with the masks read
    assert all("p1.png is not saved yet: the disk is full" in offer.warnings[0] for offer in found)
    assert [picture.name for picture in found[-1].pictures] == ["p0.png"]


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    study = drawn_study(tmp_path / "study")
    for picture in study.pictures():
        review(study, picture)
    (study.place(study.pictures()[1]).folder / "record.json").write_text("{")
    offer = look_at(study, first=lambda _offer: None, cancelled=lambda: False)
    assert [picture.name for picture in offer.pictures] == ["p0.png", "p2.png"]
    assert any("p1.png is damaged" in told for told in offer.warnings)
