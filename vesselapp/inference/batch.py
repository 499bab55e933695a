"""What is done with each of many pictures, and what became of it: the same here and on a cluster."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from vesselapp.core.errors import Cancelled, VesselError
from vesselapp.core.evidence import level_of, mask_of, quantise, threshold_of
from vesselapp.core.export import SUFFIXES, write_outputs
from vesselapp.core.files import FileState, real_path
from vesselapp.core.image import read_image
from vesselapp.core.stems import unique_stems
from vesselapp.inference.model import Model
from vesselapp.inference.objects import check_tells_objects, find_diameter, number_objects
from vesselapp.inference.predict import predict

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class BatchSpec:
    """What is to be done with each picture.

    Attributes
    ----------
    out : Path
        Folder for the results.
    model : Path
    provider : str
    threshold : float or None
        0-1; the model's own where None.
    save : tuple of str
        Kinds of files to write, of `vesselapp.core.export.SUFFIXES`.
    flips : bool
    object_diameter : float or None
        See `vesselapp.inference.predict.predict`.
    """

    out: Path
    model: Path
    provider: str = "auto"
    threshold: float | None = None
    save: tuple[str, ...] = ("mask", "overlay")
    flips: bool = False
    object_diameter: float | None = None


@dataclass(frozen=True)
class Errand:
    """One picture, what the names of its results begin with, and why it is refused (empty: it isn't)."""

    picture: Path
    stem: str
    refusal: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a picture.

    Attributes
    ----------
    picture : Path
    problem : str
        Why it failed; empty where it is done.
    outputs : dict
        Path of each file written, by kind.
    model, model_sha256, provider : str
    threshold : float
    flips : bool
    object_diameter : float or None
    seconds : float
        From reading to written.
    foreground_fraction : float
        Of all its pixels, 0-1.
    notes : tuple of str
        What a person should know, a sentence each.
    resumed : bool
        True where an earlier run had done it.
    file : FileState or None
        The picture's when it was read.
    """

    picture: Path
    problem: str = ""
    outputs: dict[str, Path] | None = None
    model: str = ""
    model_sha256: str = ""
    provider: str = ""
    threshold: float = 0.0
    flips: bool = False
    object_diameter: float | None = None
    seconds: float = 0.0
    foreground_fraction: float = 0.0
    notes: tuple[str, ...] = ()
    resumed: bool = False
    file: FileState | None = None


class Control:
    """Pause, go on with, and cancel a batch, from any thread."""

    def __init__(self) -> None:
        self._go = threading.Event()
        self._go.set()
        self._cancelled = threading.Event()

    def pause(self) -> None:
        """Let pictures in work be finished, and begin no other."""
        self._go.clear()

    def go_on(self) -> None:
        """End a pause."""
        self._go.set()

    def cancel(self) -> None:
        """Stop within one tile of each picture in work."""
        self._cancelled.set()
        self._go.set()

    def is_paused(self) -> bool:
        """Tell whether no other picture is to be begun."""
        return not self._go.is_set()

    def is_cancelled(self) -> bool:
        """Tell whether the batch is to stop."""
        return self._cancelled.is_set()

    def each(self, things: Iterable[T]) -> Iterator[T]:
        """Go through things one by one; `Cancelled` is raised as soon as the batch is to stop."""
        for thing in things:
            if self.is_cancelled():
                raise Cancelled
            yield thing

    def wait(self) -> None:
        """Wait out a pause."""
        self._go.wait()


def plan_errands(
    pictures: Sequence[Path],
    spec: BatchSpec,
    taken: Mapping[str, Path],
    control: Control,
) -> list[Errand]:
    """Give each picture a name for its results.

    Parameters
    ----------
    pictures : sequence of Path
    spec : BatchSpec
    taken : mapping
        Names (case folded) that results in the folder have already, and of which picture they are.
    control : Control
        `Cancelled` is raised where it says so.
    """
    each, folders = control.each, dict[Path, str]()
    originals = {_place_of(path, folders) for path in each(pictures)}
    stems = unique_stems([Path(os.path.abspath(path)) for path in pictures], taken)  # noqa: PTH100
    errands = []
    for path, stem in each(zip(pictures, stems, strict=True)):
        targets = [spec.out / f"{stem}{SUFFIXES[kind]}" for kind in spec.save]
        trap = next((target for target in targets if _place_of(target, folders) in originals), None)
        refusal = "" if trap is None else f"{trap} is one of the pictures that were given."
        errands.append(Errand(path, stem, refusal))
    return errands


def _place_of(path: Path, folders: dict[Path, str]) -> str:
    return os.path.normcase(real_path(path, folders))


def do_errand(
    errand: Errand,
    spec: BatchSpec,
    model: Model,
    cancelled: Callable[[], bool] = lambda: False,
    on_share: Callable[[Path, float], None] | None = None,
) -> Outcome:
    """Take one picture from file to files; a failure is told in the outcome.

    Raises
    ------
    Cancelled
        Within one tile after ``cancelled`` answers True.
    """
    if errand.refusal:
        return Outcome(errand.picture, problem=f"{errand.refusal} Choose another folder.")
    begun = time.perf_counter()
    try:
        done = _do(errand, spec, model, cancelled, on_share)
    except VesselError as error:
        log.info("%s: %s", errand.picture, error, exc_info=error.__cause__)
        return Outcome(errand.picture, problem=str(error))
    except Cancelled:
        raise
    except Exception as error:
        log.error("unexpected error with %s", errand.picture, exc_info=error)
        return Outcome(errand.picture, problem=f"{type(error).__name__}: {error}".splitlines()[0])
    return replace(done, seconds=time.perf_counter() - begun)


def _do(
    errand: Errand,
    spec: BatchSpec,
    model: Model,
    cancelled: Callable[[], bool],
    on_share: Callable[[Path, float], None] | None,
) -> Outcome:
    threshold = model.card.threshold if spec.threshold is None else spec.threshold
    parts = "objects" in spec.save
    if parts:
        check_tells_objects(model.card, model.path.stem)
    image = read_image(errand.picture)
    diameter = spec.object_diameter
    if parts and diameter is None:
        diameter = find_diameter(model, image.pixels, cancelled=cancelled)
    found = predict(
        model,
        image.pixels,
        progress=None if on_share is None else lambda share: on_share(errand.picture, share),
        cancelled=cancelled,
        flips=spec.flips,
        object_diameter=diameter,
    )
    level = level_of(threshold)
    mask = mask_of(quantise(found.probability), level)
    objects = None
    if parts and diameter is not None:
        objects = number_objects(model, image.pixels, found.probability, threshold_of(level), diameter)
    outputs = write_outputs(
        spec.out, errand.stem, spec.save, image.pixels, mask, found.probability, objects=objects
    )
    return Outcome(
        errand.picture,
        outputs=outputs,
        model=model.path.stem,
        model_sha256=model.sha256,
        provider=found.provider,
        threshold=threshold,
        flips=spec.flips,
        object_diameter=spec.object_diameter,
        foreground_fraction=float(mask.mean()),
        notes=(*image.notes, *found.warnings),
        file=image.file,
    )
