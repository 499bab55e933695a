"""What a person sees of a judged candidate is what was judged."""

import os
from pathlib import Path

from tests.reviewed_study import drawn_study
from vesselapp.core.files import file_sha256
from vesselapp.state.judged import read_judged
from vesselapp.study.run_folder import RunFolder
from vesselapp.study.verdict import PictureScore, Verdict


def test_a_score_is_of_the_picture_that_was_looked_at(tmp_path: Path) -> None:
    study = drawn_study(tmp_path / "study")
    first, second, third = study.pictures()
    scores = [
        PictureScore(one.relative, "judge", 0.5, 0.9, one.key, file_sha256(one.path), measure)
        for one, measure in ((first, "Dice"), (second, "specificity"))
    ]
    scores.append(PictureScore(third.relative, "learn", key=third.key))  # an earlier version's
    run = RunFolder(tmp_path / "study" / "runs" / "20250101T000000Z")
    run.folder.mkdir(parents=True)
    run.write_verdict(Verdict("better", "It is better.", True, (), tuple(scores)))

    def seen() -> dict[str, tuple[str, float | None]]:
        return {one.name: (one.side, one.candidate) for one in read_judged(study.folder, run).pictures}

    judged = ("judge", 0.9)
    assert seen() == {
        "p0.png": judged,
        "p1.png": judged,
        "p2.png": ("learn", None),
    }
    measures = [one.measure for one in read_judged(study.folder, run).pictures]
    assert measures == ["Dice", "specificity", "Dice"]
    first.path.write_bytes(third.path.read_bytes())
    assert seen() == {
        "p0.png": ("", None),
        "p1.png": judged,
        "p2.png": ("learn", None),
    }


def test_a_picture_older_than_the_candidate_is_not_read_for_its_score(
    tmp_path: Path,
) -> None:
    study = drawn_study(tmp_path / "study")
    picture = study.pictures()[0]
    run = RunFolder(tmp_path / "study" / "runs" / "20250101T000000Z")
    run.folder.mkdir(parents=True)
    scores = (PictureScore(picture.relative, "judge", 0.5, 0.9, key=picture.key, sha256="of it"),)
    run.write_verdict(Verdict("better", "It is better.", True, (), scores))
    candidate = run.folder / "candidate.onnx"
    candidate.write_bytes(b"")
    now = picture.path.stat().st_ctime
    for seconds, side in ((60, "judge"), (-60, "")):
        os.utime(candidate, (now + seconds, now + seconds))
        assert read_judged(study.folder, run).pictures[0].side == side
