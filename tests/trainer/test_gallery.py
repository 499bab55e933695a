"""The page of pictures: bounded in memory, and told where a part of it can't be made."""

from pathlib import Path

import cv2
import pytest

from tests.tiny_models import tiny_vessel_model
from trainer import gallery
from trainer.readers import read_sets
from vesselapp.core.errors import VesselError
from vesselapp.inference.model import load_model


def test_the_page_holds_all_rows_and_the_sheet_the_first_ones(
    tmp_path: Path, fundus_set: Path, monkeypatch: pytest.MonkeyPatch
):
    model, cases = load_model(tiny_vessel_model(tmp_path / "tiny.onnx")), read_sets([fundus_set])[:3]
    monkeypatch.setattr(gallery, "_SHEET", 900)
    gallery.write_gallery(model, cases, tmp_path)
    page = (tmp_path / "gallery.html").read_text()
    assert page.count("<img") == 3
    assert cv2.imread(str(tmp_path / "gallery.png")).shape == (2 * 424, 4 * 420, 3)
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(VesselError, match="can't be packed"):
        gallery.write_gallery(model, cases, tmp_path)
    assert (tmp_path / "gallery.html").read_text() == page
    assert not list(tmp_path.glob(".vesselapp-*"))
