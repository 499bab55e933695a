"""What the app remembers of a person's ways, in one small JSON file."""

import logging
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write

_log = logging.getLogger(__name__)


class Settings(BaseModel):
    """Every setting with its default and its range."""

    model_config = ConfigDict(validate_assignment=True)

    overlay_opacity: float = Field(default=0.45, ge=0.0, le=1.0)
    overlay_colour: tuple[int, int, int] = (255, 40, 40)
    contour_only: bool = False
    brush_diameters: dict[str, int] = Field(default_factory=dict)
    history_megabytes: int = Field(default=256, ge=16, le=65536)
    provider: str = "auto"
    model: str = ""
    open_folder: str = ""
    export_folder: str = ""
    export_kinds: tuple[str, ...] = ("mask", "overlay")
    theme: str = "dark"
    window_state: str = ""
    window_geometry: str = ""


def load_settings(file: Path) -> Settings:
    """Read the settings; a missing or broken file gives the defaults."""
    try:
        return Settings.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Settings()
    except (OSError, ValidationError) as error:
        _log.warning("settings in %s not used: %s", file, error)
        return Settings()


def save_settings(settings: Settings, file: Path) -> None:
    """Write the settings; a failure is only logged, since nothing of a person's work is in them."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, settings.model_dump_json(indent=1).encode())
    except (OSError, VesselError) as error:
        _log.warning("settings not saved to %s: %s", file, error)
