"""Trying a model on a provider, for the commands that report on it."""

from pathlib import Path

from vesselapp.core.errors import VesselError
from vesselapp.inference.model import load_model
from vesselapp.inference.providers import PROVIDERS, offered_providers


def why_not(path: Path) -> dict[str, str]:
    """Run a model's self-test on each provider there is.

    Parameters
    ----------
    path : Path
        ONNX file.

    Returns
    -------
    dict
        By the provider's short name, why it doesn't work; "" where it does.
    """
    offered = {provider.name for provider in offered_providers()}
    return {
        provider.name: _why_not(path, provider.name)
        if provider.name in offered
        else f"not in this ONNX Runtime; to get it: {provider.install}"
        for provider in PROVIDERS
    }


def verdict(problem: str) -> str:
    """Say in words what `why_not` found of one provider."""
    return f"no: {problem}" if problem else "works"


def _why_not(path: Path, name: str) -> str:
    try:
        model = load_model(path, name)
    except VesselError as problem:
        return problem.message
    return "" if model.provider == name else model.provider_note or f"{model.provider} ran instead"
