"""Bringing forward what earlier versions of the app wrote, with a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import level_of
from vesselapp.core.files import atomic_write, copy_file, make_folder
from vesselapp.study.journal import JOURNAL_NAME, Header, Levelled, encode, encode_header
from vesselapp.study.json_text import parse_object
from vesselapp.study.record import RECORD_NAME, Record, State, record_bytes, record_from
from vesselapp.study.replay import name_of_plane
from vesselapp.study.snapshot import SNAPSHOT_NAME, write_snapshot

FORMER_FORMAT = 1
BACKUP_NAME = "backup-format-1"


def parse_any_record(text: bytes) -> tuple[Record, bool]:
    """Read a record of today's format or of an earlier one; give it, and whether it is of an earlier one.

    Raises
    ------
    ValueError
        Where it isn't a sound record.
    VesselError
        Where a newer version of the app wrote it.
    """
    values = parse_object(text)
    if values.get("format") == FORMER_FORMAT:
        return _from_former(values), True
    return record_from(values), False


def _from_former(values: dict[str, Any]) -> Record:
    """Turn a record of format 1, which knew no review state and no journal, into today's."""
    try:
        threshold, saved = float(values["threshold"]), str(values.get("saved", ""))
        return Record(
            image=str(values["image"]),
            sha256=str(values["sha256"]),
            height=int(values["height"]),
            width=int(values["width"]),
            state=State.IN_PROGRESS,
            threshold=threshold,
            level=level_of(threshold),
            model=str(values.get("model", "")),
            model_sha256=str(values.get("model_sha256", "")),
            software=str(values.get("software", "")),
            created=saved,
            saved=saved,
        )
    except (KeyError, TypeError, OverflowError) as problem:
        raise ValueError("not a record of format 1") from problem


def bring_forward(folder: Path, record: Record, corrections: NDArray[np.uint8]) -> None:
    """Turn an annotation of format 1 into today's; the record is written last, so a cut leaves the old one.

    Parameters
    ----------
    folder : Path
        Of the annotation, whose lock is held.
    record : Record
        As `parse_any_record` gave it.
    corrections : (H, W) uint8
        As they are in the folder.

    Raises
    ------
    VesselError
        Where it can't be written.
    """
    backup = make_folder(folder / BACKUP_NAME)
    for name in (SNAPSHOT_NAME, RECORD_NAME):
        if (folder / name).exists() and not (backup / name).exists():
            copy_file(folder / name, backup / name)
    write_snapshot(folder / SNAPSHOT_NAME, corrections, 0)
    header = Header(record.sha256, record.height, record.width, 0, name_of_plane(corrections))
    lines = encode_header(header) + encode(1, Levelled(record.level))
    atomic_write(folder / JOURNAL_NAME, lines)
    atomic_write(folder / RECORD_NAME, record_bytes(record))
