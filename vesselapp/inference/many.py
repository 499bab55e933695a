"""Masks of many pictures, on this machine or a cluster, with a manifest: what window and shell call."""

import contextlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from vesselapp.core.alone import alone_in
from vesselapp.core.errors import Cancelled
from vesselapp.core.files import make_folder
from vesselapp.inference.batch import BatchSpec, Control, Errand, Outcome, plan_errands
from vesselapp.inference.cards import card_in, kept_card, kept_since
from vesselapp.inference.checks import model_sha256
from vesselapp.inference.manifest import Manifest, read_manifest, stems_of, still_there, still_to_do
from vesselapp.inference.model import Model
from vesselapp.inference.workers import run_batch


def predict_many(
    pictures: Sequence[Path],
    spec: BatchSpec,
    *,
    workers: int | None = None,
    resume: bool = False,
    dask: str | None = None,
    control: Control | None = None,
    on_share: Callable[[Path, float], None] | None = None,
    model: Model | None = None,
) -> Generator[Outcome, None, None]:
    """Write the results of many pictures and a manifest, and give what became of each as it is done.

    Results of other pictures that an earlier run wrote into the folder stay, and so do their lines.

    Parameters
    ----------
    pictures : sequence of Path
    spec : BatchSpec
    workers : int, optional
        Pictures in work at once on this machine; by the number of cores where None.
    resume : bool
        Keep what an earlier run into the same folder has done, and say so in the outcome.
    dask : str, optional
        Address of a Dask scheduler (``tcp://host:8786``), or ``local:N`` for N processes here.
    control : Control, optional
        To pause and cancel.
    on_share : callable, optional
        Told picture and share done (0-1), from other threads; not on a cluster.
    model : Model, optional
        That of ``spec``, where it is loaded already; a cluster loads its own.

    Yields
    ------
    Outcome
        Resumed ones first, the others in the order of completion.

    Raises
    ------
    VesselError
        If the folder can't be written or another run is writing into it, the model can't be loaded, Dask is
        missing, or its scheduler is lost.
    """
    if dask is not None:
        from vesselapp.inference.cluster import check_address

        check_address(dask)
    control = control or Control()
    with contextlib.suppress(Cancelled), alone_in(make_folder(spec.out)):
        rows = read_manifest(spec.out)
        errands = plan_errands(pictures, spec, stems_of(rows), control)
        to_do, done = (list(errands), []) if not resume else _resumed(errands, rows, spec, control)
        kept = rows if resume else still_there(control.each(rows.items()), spec.out)
        with Manifest(spec.out, kept) as manifest:
            for outcome in done:
                yield outcome
            if dask is None:
                outcomes = run_batch(
                    to_do, spec, workers=workers, control=control, on_share=on_share, model=model
                )
            else:
                from vesselapp.inference.cluster import run_on_cluster

                outcomes = run_on_cluster(to_do, spec, dask, control=control)
            for outcome in outcomes:
                manifest.add(outcome)
                yield outcome


def _resumed(
    errands: list[Errand], rows: dict[str, dict[str, str]], spec: BatchSpec, control: Control
) -> tuple[list[Errand], list[Outcome]]:
    """Split errands into those to do and those already done as they are wanted now."""
    sha256 = model_sha256(spec.model)
    card = card_in(spec.model) or kept_card(sha256)
    if card is None:  # never met before, so nothing was done with it
        return list(errands), []
    threshold = card.threshold if spec.threshold is None else spec.threshold
    to_do, done = still_to_do(control.each(errands), rows, spec, model_sha256=sha256, threshold=threshold)
    corrected = kept_since(sha256)  # a foreign model answers otherwise since then
    stale = {
        one.picture
        for one in control.each(done)
        if any(_written(path) < corrected for path in (one.outputs or {}).values())
    }
    to_do += [errand for errand in errands if errand.picture in stale]
    return to_do, [one for one in done if one.picture not in stale]


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
