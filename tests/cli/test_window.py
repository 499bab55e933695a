"""``vesselapp [PATH...]`` and ``--sample`` where there is no display, or a library is missing."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.cli.elf import bundled_libraries, needed_by
from vesselapp.cli import qt_libraries
from vesselapp.cli.display import qt_platform
from vesselapp.core.samples import sample_image

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about displays of Linux")


@on_linux
@pytest.mark.parametrize("name", ["fundus", "tissue"])
def test_a_sample_without_a_display_is_written(name: str, run, shipped: Path, work: Path) -> None:
    outcome = run("--sample", name)
    assert outcome.status == 0
    assert "no display" in outcome.err
    folder = work / "vesselapp-sample"
    assert sorted(p.name for p in folder.iterdir()) == [f"{name}_mask.png", f"{name}_overlay.png"]
    assert outcome.out.split() == [
        str(Path("vesselapp-sample", p)) for p in (f"{name}_mask.png", f"{name}_overlay.png")
    ]
    pixels = sample_image(name).pixels
    mask = np.asarray(Pillow.open(folder / f"{name}_mask.png"))
    overlay = np.asarray(Pillow.open(folder / f"{name}_overlay.png"))
    assert mask.shape == pixels.shape[:2]
    assert set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(overlay[mask == 0], pixels[mask == 0])
    assert run("--sample", name).status == 0  # a second time over its own files


@on_linux
@pytest.mark.parametrize("arguments", [[], ["eye.png"]])
def test_without_a_display_predict_is_pointed_to(run, arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert outcome.status == 1
    assert "no display" in outcome.err
    assert "vesselapp predict" in outcome.err


@on_linux
@pytest.mark.parametrize(
    ("environment", "platform"),
    [
        ({}, None),
        ({"QT_QPA_PLATFORM": "offscreen"}, "offscreen"),
        ({"QT_QPA_PLATFORM": "offscreen:size=10x10"}, "offscreen"),
        ({"QT_QPA_PLATFORM": "xcb"}, None),
        ({"DISPLAY": ":64999"}, None),
        ({"WAYLAND_DISPLAY": "wayland-nowhere"}, None),
    ],
)
def test_displays(environment: dict[str, str], platform: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert qt_platform() == platform


@on_linux
def test_missing_libraries_are_named_with_their_packages(run, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"libEGL.so.1", "libxcb-cursor.so.0"}
    monkeypatch.setattr(qt_libraries, "_loads", lambda name: name not in gone)
    monkeypatch.setattr("vesselapp.cli.window.qt_platform", lambda: "xcb")
    outcome = run("--sample", "fundus")
    assert outcome.status == 1
    for word in (*gone, "libegl1", "libxcb-cursor0", "apt install"):
        assert word in outcome.err
    monkeypatch.setattr("vesselapp.cli.window.qt_platform", lambda: "offscreen")
    outcome = run("--sample", "fundus")
    assert "libEGL.so.1" in outcome.err
    assert "xcb-cursor" not in outcome.err


@on_linux
def test_a_library_that_only_the_import_misses_is_named(run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "vesselapp.ui.app":
                raise ImportError("libodd.so.3: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("vesselapp.cli.window.qt_platform", lambda: "offscreen")
    monkeypatch.setattr("vesselapp.cli.window.missing_libraries", lambda _: [])
    monkeypatch.delitem(sys.modules, "vesselapp.ui.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    outcome = run("--sample", "fundus")
    assert outcome.status == 1
    assert "libodd.so.3" in outcome.err
    assert "Traceback" not in outcome.err


@on_linux
@pytest.mark.parametrize("platform", ["offscreen", "xcb", "wayland"])
def test_the_table_holds_all_that_this_qt_links_to(platform: str) -> None:
    bundled = bundled_libraries()
    starts = ["QtCore.abi3.so", "QtGui.abi3.so", "QtWidgets.abi3.so", f"libq{platform}.so"]
    outside = needed_by([bundled[name] for name in starts], bundled)
    of_the_system = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"}
    of_the_system |= {"libstdc++.so.6", "libgcc_s.so.1"}
    of_the_system |= {name for name in outside if name.startswith("ld-linux")}
    table = qt_libraries.ALWAYS | {"xcb": qt_libraries.XCB, "wayland": qt_libraries.WAYLAND}.get(platform, {})
    assert outside - of_the_system <= set(table)


def test_packages_are_printed_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    packages = qt_libraries.debian_packages()
    assert {"libegl1", "libxcb-cursor0"} <= set(packages)
    assert packages == sorted(set(packages))
    assert qt_libraries.debian_packages(["libEGL.so.1", "libunheard.so.1"]) == ["libegl1"]


def test_the_readme_installs_nothing_else() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    (line,) = [line for line in readme.splitlines() if line.startswith("sudo apt-get install lib")]
    assert set(line.split()[3:]) <= set(qt_libraries.debian_packages())
