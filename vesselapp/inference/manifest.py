"""The manifest of a batch: a line a picture, written as soon as it is done, so that it can go on later."""

import contextlib
import csv
import io
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from vesselapp.core.errors import VesselError
from vesselapp.core.export import PROVENANCE_SUFFIX, SUFFIXES, written_by_vesselapp
from vesselapp.core.files import FileState, atomic_write, is_file, is_there, patiently
from vesselapp.core.image import natural_key
from vesselapp.core.stems import folded
from vesselapp.inference.batch import BatchSpec, Errand, Outcome

NAME = "manifest.csv"
COLUMNS = (
    "file",
    "bytes",
    "modified_ns",
    "model",
    "model_sha256",
    "provider",
    "threshold",
    "flips",
    "object_diameter",
    "seconds",
    "foreground_fraction",
    "outputs",
    "notes",
    "problem",
)
_BETWEEN = " | "
_SETTINGS = ("bytes", "modified_ns", "model_sha256", "threshold", "flips", "object_diameter")
"""What results depend on: where a line has other ones, they are not of its kind."""
_KINDS = "|".join(SUFFIXES)
_OUTPUT = rf"(?:{_KINDS})=%s(?:{'|'.join(map(re.escape, SUFFIXES.values()))})"
_OUTPUTS = re.compile(rf"{_OUTPUT % '(?P<begin>.*?)'}(?: \| {_OUTPUT % '(?P=begin)'})*", re.DOTALL)
"""Results of a picture all begin alike: so they are told apart whatever its name holds."""
_ANY_NAME = "surrogateescape"
"""File names that are not UTF-8 come through as they are."""


class Manifest:
    """A manifest that is being written; leaving its ``with`` block puts its lines in the pictures' order.

    Parameters
    ----------
    folder : Path
        Of the results.
    kept : dict
        Lines of an earlier run to keep, by picture, from `read_manifest`: it refuses a file that is not ours.
    """

    def __init__(self, folder: Path, kept: dict[str, dict[str, str]]) -> None:
        self._path = folder / NAME
        self._rows = dict(kept)
        begun = _as_csv(self._rows.values())
        atomic_write(self._path, begun)
        self._length, self._waiting = len(begun), b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            rows = (self._rows[file] for file in sorted(self._rows, key=natural_key))
            atomic_write(self._path, _as_csv(rows))
        except VesselError as problem:
            if self._waiting:
                text = f"{problem.message} The results stay, but lines of some are missing in it."
                raise VesselError(text, "Run the batch again to have them.") from problem

    def add(self, outcome: Outcome) -> None:
        """Write a picture's line; where that is refused just now (it is open in Excel), with the next one."""
        row = _row(outcome)
        former = self._rows.get(row["file"])
        if former is not None and outcome.problem:  # what an earlier run wrote of it still lies there
            row["outputs"] = former["outputs"]
        elif former is not None:
            self._replace(former, row)
        self._rows[row["file"]] = row
        line = io.StringIO()
        csv.DictWriter(line, COLUMNS).writerow(row)
        self._waiting += line.getvalue().encode(errors=_ANY_NAME)
        with contextlib.suppress(OSError):
            with self._path.open("r+b") as file:
                file.seek(self._length)
                file.write(self._waiting)
                file.truncate()
            self._length, self._waiting = self._length + len(self._waiting), b""

    def _replace(self, former: dict[str, str], row: dict[str, str]) -> None:
        """Keep and name an earlier run's results of the same settings; what others made goes."""
        folder, new = self._path.parent, _outputs(row)
        same = all(row[name] == former[name] for name in _SETTINGS)
        persons = {stem for stem in _stems(former) if is_there(folder / f"{stem}{PROVENANCE_SUFFIX}")}
        for kind, text in _outputs(former).items():
            path = folder / Path(text).name
            if same and kind not in new and is_file(path):
                row["outputs"] += f"{_BETWEEN}{kind}={text}"
            elif path.name not in _results(row) and not persons and written_by_vesselapp(path):
                with contextlib.suppress(OSError):
                    patiently(path.unlink)


def read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    """Read a manifest: its lines by picture, the last one of each; none where there is no manifest.

    Raises
    ------
    VesselError
        If it can't be read, or is not a manifest of ours.
    """
    path = folder / NAME
    try:
        with path.open(encoding="utf-8", errors=_ANY_NAME, newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise VesselError(f"{path} is not a manifest of this app.", "Choose another folder.")
            # The last line may be cut short, where the machine stopped while it was written.
            whole = (row for row in reader if None not in row.values() and None not in row)
            return {_file(Path(row["file"])): row for row in whole}
    except (FileNotFoundError, NotADirectoryError):
        return {}  # that the folder is a file is told when something is to be written
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VesselError(f"{path} can't be read.", "Choose another folder.") from error


def still_there(rows: Iterable[tuple[str, dict[str, str]]], folder: Path) -> dict[str, dict[str, str]]:
    """Give the lines whose results still lie in the folder: they stay until their picture is done anew."""
    return {file: row for file, row in rows if any((folder / name).is_file() for name in _results(row))}


def stems_of(rows: dict[str, dict[str, str]]) -> dict[str, Path]:
    """Give whose the stems of results are: picture by folded stem."""
    return {folded(stem): Path(file) for file, row in rows.items() for stem in _stems(row)}


def still_to_do(
    errands: Iterable[Errand],
    rows: dict[str, dict[str, str]],
    spec: BatchSpec,
    *,
    model_sha256: str,
    threshold: float,
) -> tuple[list[Errand], list[Outcome]]:
    """Split errands into those to do and those that an earlier run has done as they are wanted now.

    Done are those of the same picture (size, time of change), model and settings whose results all exist,
    and where no person's mask has taken their place since.

    Returns
    -------
    to_do : list[Errand]
    done : list[Outcome]
    """
    to_do, done = [], []
    for errand in errands:
        row = rows.get(_file(errand.picture))
        outcome = None if row is None else _outcome(row, spec.out)
        same = (
            row is not None
            and outcome is not None
            and not outcome.problem
            and (row["bytes"], row["modified_ns"]) == _stamp(FileState.of(errand.picture))
            and outcome.model_sha256 == model_sha256
            and (outcome.threshold, outcome.flips) == (threshold, spec.flips)
            and outcome.object_diameter == spec.object_diameter
            and set(spec.save) <= set(outcome.outputs or {})
            and all(path.is_file() for path in (outcome.outputs or {}).values())
            and not any(is_there(spec.out / f"{stem}{PROVENANCE_SUFFIX}") for stem in _stems(row))
        )
        if same and outcome is not None:
            done.append(replace(outcome, picture=errand.picture))
        else:
            to_do.append(errand)
    return to_do, done


def _row(outcome: Outcome) -> dict[str, str]:
    size, modified = _stamp(outcome.file)
    outputs = [f"{kind}={path}" for kind, path in (outcome.outputs or {}).items()]
    return {
        "file": _file(outcome.picture),
        "bytes": size,
        "modified_ns": modified,
        "model": outcome.model,
        "model_sha256": outcome.model_sha256,
        "provider": outcome.provider,
        "threshold": repr(outcome.threshold),
        "flips": "yes" if outcome.flips else "no",
        "object_diameter": "" if outcome.object_diameter is None else repr(outcome.object_diameter),
        "seconds": f"{outcome.seconds:.3f}",
        "foreground_fraction": repr(outcome.foreground_fraction),
        "outputs": _BETWEEN.join(outputs),
        "notes": _BETWEEN.join(outcome.notes),
        "problem": outcome.problem,
    }


def _file(picture: Path) -> str:
    """Name a picture alike from whatever folder the app was started in."""
    return os.path.abspath(picture)  # noqa: PTH100 - links are kept as they are


def _results(row: dict[str, str]) -> list[str]:
    """Give the names of a line's results; they lie beside the manifest."""
    return [Path(path).name for path in _outputs(row).values()]


def _outputs(row: dict[str, str]) -> dict[str, str]:
    """Give the paths of a line's results by kind, as they are written there."""
    text = row["outputs"]
    found = _OUTPUTS.fullmatch(text)
    if found is None:
        return {}
    parts = re.split(rf" \| (?=(?:{_KINDS})={re.escape(found['begin'])})", text)
    return {kind: path for kind, _, path in (part.partition("=") for part in parts)}


def _stems(row: dict[str, str]) -> set[str]:
    """Give what the names of a line's results begin with."""
    names = _results(row)
    return {name[: -len(suffix)] for name in names for suffix in SUFFIXES.values() if name.endswith(suffix)}


def _outcome(row: dict[str, str], folder: Path) -> Outcome | None:
    try:
        return Outcome(
            Path(row["file"]),
            problem=row["problem"],
            outputs={kind: folder / Path(path).name for kind, path in _outputs(row).items()},
            model=row["model"],
            model_sha256=row["model_sha256"],
            provider=row["provider"],
            threshold=float(row["threshold"]),
            flips=row["flips"] == "yes",
            object_diameter=float(row["object_diameter"]) if row["object_diameter"] else None,
            seconds=float(row["seconds"]),
            foreground_fraction=float(row["foreground_fraction"]),
            notes=tuple(note for note in row["notes"].split(_BETWEEN) if note),
            resumed=True,
        )
    except ValueError:
        return None


def _stamp(file: FileState | None) -> tuple[str, str]:
    return ("", "") if file is None else (str(file.size), str(file.changed))


def _as_csv(rows: Iterable[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(errors=_ANY_NAME)
