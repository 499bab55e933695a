"""The folder where unsaved work waits."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.state.test_document import make_document, stroke
from vesselapp.state.brush import Brush
from vesselapp.state.rescue import Rescue
from vesselapp.state.standing import Unsaved
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.journal import Operation
from vesselapp.study.process import boot_id
from vesselapp.study.record import ImageFacts

FACTS = ImageFacts("eye.png", "0" * 64, 530, 600)


def unsaved(number: int = 0) -> Unsaved:
    document = make_document()
    happened: list[Operation] = []
    document.happened.connect(happened.append)
    stroke(document, Brush.PAINT, 20, (100, 100))
    return Unsaved(number, (), tuple(happened), None, False, None)


def owned_by(file: Path, host: str, boot: str, pid: int) -> None:
    about, _, rest = file.read_bytes().partition(b"\n")
    values = json.loads(about) | {"owner": [host, boot, pid]}
    file.write_bytes(json.dumps(values).encode() + b"\n" + rest)


def test_what_another_living_process_keeps_is_its_own(tmp_path: Path) -> None:
    place = AnnotationFolder(tmp_path / "key")
    Rescue(tmp_path / "rescue").keep(object(), place, FACTS, unsaved())
    (file,) = (tmp_path / "rescue").iterdir()
    rescue = Rescue(tmp_path / "rescue")
    assert len(rescue.left()) == 1
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        owned_by(file, socket.gethostname(), boot_id(), other.pid)
        assert rescue.left() == []
    finally:
        other.communicate(b"\n")
    assert len(rescue.left()) == 1
    owned_by(file, "another computer", boot_id(), os.getpid())
    assert rescue.left() == []
    os.utime(file, (1, 1))
    assert len(rescue.left()) == 1


def test_it_is_put_back_where_the_study_is_now(tmp_path: Path) -> None:
    Rescue(tmp_path / "rescue").keep(object(), AnnotationFolder(tmp_path / "old" / "key"), FACTS, unsaved())
    place = AnnotationFolder(tmp_path / "new" / "key")
    rescue = Rescue(tmp_path / "rescue")
    writer = place.open("ann", FACTS)
    changed, told = rescue.put_back(writer, place, FACTS)
    assert changed
    assert "put back" in told
    kept = place.load(FACTS.sha256, FACTS.height, FACTS.width)
    assert kept is not None
    assert kept.corrections[100, 100] == 2
    assert rescue.put_back(writer, place, FACTS) == (False, "")
    writer.close()


def test_what_does_not_fit_is_kept_apart_and_told(tmp_path: Path) -> None:
    place = AnnotationFolder(tmp_path / "key")
    Rescue(tmp_path / "rescue").keep(object(), place, FACTS, unsaved(number=7))
    rescue = Rescue(tmp_path / "rescue")
    writer = place.open("ann", FACTS)
    _, told = rescue.put_back(writer, place, FACTS)
    (file,) = (tmp_path / "rescue").iterdir()
    assert str(file) in told
    assert rescue.left() == []
    writer.close()


def test_a_broken_file_hinders_nothing(tmp_path: Path) -> None:
    rescue = Rescue(tmp_path / "rescue")
    rescue.keep(object(), AnnotationFolder(tmp_path / "key"), FACTS, unsaved())
    (file,) = (tmp_path / "rescue").iterdir()
    data = file.read_bytes()
    random = np.random.default_rng(0)
    for cut in random.integers(0, len(data), 40):
        file.write_bytes(data[:cut])
        for left in Rescue(tmp_path / "rescue").left():
            assert left.image == "eye.png"
    file.write_bytes(b"[]\n[]\n")
    assert Rescue(tmp_path / "rescue").left() == []
