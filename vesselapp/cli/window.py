"""Opens the window, or does what can be done without one."""

import gc
from pathlib import Path

from vesselapp.cli import say
from vesselapp.cli.display import qt_platform
from vesselapp.cli.qt_libraries import library_in, missing_libraries, sentence_about
from vesselapp.core.errors import VesselError
from vesselapp.core.files import is_file


def open_window(paths: list[Path], sample: str | None) -> int:
    """Open the window on pictures or on a sample; give the exit status.

    Raises
    ------
    VesselError
        Where there is no display, or a library that Qt needs is missing.
    """
    platform = qt_platform()
    if platform is None:
        if sample is None:
            raise VesselError(
                "There is no display, so no window can be opened.",
                "Use: vesselapp predict PATH... --out DIR",
            )
        return _write_sample(sample)
    missing = missing_libraries(platform)
    if missing:
        raise VesselError(*sentence_about(missing))
    from vesselapp.state.sources import ReadAhead, Source

    ahead = ReadAhead()
    if paths and is_file(paths[0]):
        ahead.start(paths[0])  # it is read while Qt is being loaded
    gc.disable()  # of what is loaded here nothing is ever garbage: looking for it takes a tenth of the time
    try:
        from vesselapp.ui.app import run
    except ImportError as problem:
        library = library_in(problem)
        if library is None:
            raise
        raise VesselError(*sentence_about([library])) from problem
    finally:
        gc.freeze()
        gc.enable()
    if sample is None:
        return run(paths, ahead=ahead)
    from vesselapp.core.samples import sample_image, sample_task

    return run([], Source(f"{sample} sample", lambda: sample_image(sample), task=sample_task(sample)))


def _write_sample(name: str) -> int:
    """Write a sample's mask and overlay into a folder, for a computer without a display."""
    from vesselapp.core.evidence import level_of, mask_of, quantise
    from vesselapp.core.export import write_outputs
    from vesselapp.core.files import make_folder
    from vesselapp.core.samples import sample_image, sample_task
    from vesselapp.inference.catalog import find_model
    from vesselapp.inference.model import load_model
    from vesselapp.inference.predict import predict

    folder = Path("vesselapp-sample")
    say(f"There is no display, so no window can be opened. Writing the sample's results into {folder}/.")
    try:
        path = find_model(None, sample_task(name))
    except VesselError:
        path = find_model(None)
        say(f"No model for {sample_task(name)} comes with the app yet: {path.stem} is used.")
    model = load_model(path)
    image = sample_image(name)
    probability = predict(model, image.pixels).probability
    mask = mask_of(quantise(probability), level_of(model.card.threshold))
    written = write_outputs(make_folder(folder), name, ("mask", "overlay"), image.pixels, mask, probability)
    for output in written.values():
        print(output)
    return 0
