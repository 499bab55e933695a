"""Each floor imports only what is below it: told from the source, and from what an import really loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ["core", "inference", "study", "state", "ui"]
ALLOWED = {
    "vesselapp.core": {"vesselapp.core"},
    "vesselapp.inference": {"vesselapp.core", "vesselapp.inference"},
    "vesselapp.study": {"vesselapp.core", "vesselapp.inference", "vesselapp.study"},
    "vesselapp.state": {"vesselapp.core", "vesselapp.inference", "vesselapp.study", "vesselapp.state"},
    "vesselapp.ui": {f"vesselapp.{floor}" for floor in FLOORS},
    "vesselapp.cli": {f"vesselapp.{floor}" for floor in [*FLOORS, "cli"]},
    "trainer": {"trainer", "vesselapp.core", "vesselapp.inference", "vesselapp.study"},
}
HEAVY = {"torch", "torchvision", "lightning", "segmentation_models_pytorch", "onnx", "onnxscript"}


def imports_of(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names.add(node.module or "")
    return names


def house_of(name: str) -> str | None:
    """Give the floor of our own that a module belongs to, or None for others and for the bare package."""
    parts = name.split(".")
    if parts[0] == "trainer":
        return "trainer"
    return ".".join(parts[:2]) if parts[0] == "vesselapp" and len(parts) > 1 else None


@pytest.mark.parametrize("floor", ALLOWED)
def test_a_floor_imports_only_what_is_below_it(floor: str) -> None:
    files = sorted((ROOT / floor.replace(".", "/")).rglob("*.py"))
    assert files, floor
    for file in files:
        for name in imports_of(file):
            house = house_of(name)
            assert house is None or house in ALLOWED[floor], f"{file.relative_to(ROOT)} imports {name}"


def test_the_app_never_names_torch() -> None:
    for file in (ROOT / "vesselapp").rglob("*.py"):
        heads = {name.split(".")[0] for name in imports_of(file)}
        assert not heads & (HEAVY | {"trainer"}), file


def test_only_the_window_names_qt() -> None:
    for floor in ("core", "inference", "study", "state"):
        for file in (ROOT / "vesselapp" / floor).rglob("*.py"):
            assert "PySide6" not in {name.split(".")[0] for name in imports_of(file)}, file


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_package_loads_nothing() -> None:
    assert loaded_by("import vesselapp") == {"vesselapp"}


def test_core_loads_no_qt_and_no_runtime() -> None:
    modules = ", ".join(
        f"vesselapp.core.{file.stem}"
        for file in sorted((ROOT / "vesselapp/core").glob("*.py"))
        if file.stem != "__init__"
    )
    assert not loaded_by(f"import {modules}") & ({"PySide6", "onnxruntime", "psygnal"} | HEAVY)


def test_the_window_is_there_before_the_runtime_and_without_torch() -> None:
    loaded = loaded_by("import vesselapp.ui.app")
    assert "PySide6" in loaded
    assert not loaded & (HEAVY | {"onnxruntime", "pydantic"})


def test_the_trainer_is_light_until_it_works() -> None:
    assert not loaded_by("import trainer") & HEAVY
