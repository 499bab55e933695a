"""``vesselapp doctor``: what is installed, what works, and where things are."""

import json
import platform
import sys
from importlib import metadata
from typing import Any

from vesselapp import __version__
from vesselapp.cli.display import qt_platform
from vesselapp.cli.providers import verdict, why_not
from vesselapp.cli.qt_libraries import debian_packages, missing_libraries
from vesselapp.core.errors import VesselError
from vesselapp.core.folders import data_folder, log_folder, settings_folder
from vesselapp.inference.catalog import find_model, list_models
from vesselapp.inference.providers import offered_providers

_PACKAGES = {
    "Qt (PySide6)": ("PySide6-Essentials",),
    "ONNX Runtime": (
        "onnxruntime",
        "onnxruntime-gpu",
        "onnxruntime-directml",
        "onnxruntime-openvino",
        "onnxruntime-migraphx",
    ),
    "NumPy": ("numpy",),
    "OpenCV": ("opencv-python-headless", "opencv-python"),
    "Pillow": ("pillow",),
    "tifffile": ("tifffile",),
    "imagecodecs": ("imagecodecs",),
    "PyTorch (for training)": ("torch",),
}


def examine(*, as_json: bool = False) -> int:
    """Print what was found.

    Returns
    -------
    int
        0 where a model runs, so that pictures can be worked on; else 1.
    """
    findings = _findings()
    if as_json:
        print(json.dumps(findings, indent=2))
    else:
        print(_as_text(findings))
    return 0 if any(not problem for problem in findings["providers"].values()) else 1


def _findings() -> dict[str, Any]:
    return {
        "versions": _versions(),
        "providers": _tried_providers(),
        "models": [entry.facts for entry in list_models()],
        "folders": {
            "data": str(data_folder()),
            "settings": str(settings_folder()),
            "log": str(log_folder()),
        },
        "window": _window_finding(),
    }


def _versions() -> dict[str, str]:
    versions = {
        "vesselapp": __version__,
        "Python": platform.python_version(),
        "system": f"{platform.platform()} ({platform.machine()})",
    }
    for name, packages in _PACKAGES.items():
        found = [f"{version} ({p})" for p in packages if (version := _version(p))]
        versions[name] = ", ".join(found) or "not installed"
    return versions


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _tried_providers() -> dict[str, str]:
    """Try the vessel model on each provider (see `why_not`)."""
    try:
        return why_not(find_model(None))
    except VesselError as problem:
        return {provider.name: f"not tried: {problem.message}" for provider in offered_providers()}


def _window_finding() -> dict[str, Any]:
    here = qt_platform()
    missing = missing_libraries(here or "xcb")
    return {"display": here, "missing_libraries": missing, "debian_packages": debian_packages(missing)}


def _as_text(findings: dict[str, Any]) -> str:
    lines = ["Versions"]
    lines += [f"  {name}: {version}" for name, version in findings["versions"].items()]
    lines.append("What computes (each tried with the model's self-test)")
    lines += [f"  {name}: {verdict(problem)}" for name, problem in findings["providers"].items()]
    lines.append("Models")
    lines += [
        f"  {model['name']} ({model['task']}, {'shipped' if model['shipped'] else 'yours'}): {model['file']}"
        for model in findings["models"]
    ] or ["  none"]
    lines.append("Folders")
    lines += [f"  {name}: {folder}" for name, folder in findings["folders"].items()]
    lines.append("Window")
    lines += _window_lines(findings["window"])
    return "\n".join(lines)


def _window_lines(window: dict[str, Any]) -> list[str]:
    lines = [f"  display: {window['display'] or 'none (predict works without)'}"]
    if window["missing_libraries"]:
        lines.append(f"  missing system libraries: {', '.join(window['missing_libraries'])}")
        lines.append(f"  to get them: sudo apt install {' '.join(window['debian_packages'])}")
    elif sys.platform.startswith("linux"):
        lines.append("  system libraries of Qt: all there")
    return lines
