"""What the app remembers of a person's ways, in one small JSON file."""

import json
import logging
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from vesselapp.core.errors import VesselError
from vesselapp.core.files import atomic_write
from vesselapp.core.user import user_name
from vesselapp.study.json_text import parse_object

_log = logging.getLogger(__name__)

MOST_RECENT = 10


@dataclass
class Settings:
    """Every setting with its default; ``low`` and ``high`` bound those that are numbers.

    A plain dataclass: it is read before the first picture is painted, and pydantic takes a tenth of a second
    to load.
    """

    overlay_opacity: float = field(default=0.6, metadata={"low": 0.05, "high": 1.0})
    overlay_colour: tuple[int, int, int] = (255, 40, 40)
    contour_only: bool = False
    brush_diameters: dict[str, int] = field(default_factory=dict)
    history_megabytes: int = field(default=256, metadata={"low": 16, "high": 65536})
    provider: str = "auto"
    model: str = ""
    open_folder: str = ""
    export_folder: str = ""
    batch_folder: str = ""
    batch_cut: bool = False
    export_kinds: tuple[str, ...] = ("mask", "overlay")
    theme: str = "dark"
    window_geometry: str = ""
    reviewer: str = ""
    recent_studies: tuple[str, ...] = ()
    last_pictures: dict[str, str] = field(default_factory=dict, metadata={"values": str})

    @property
    def who(self) -> str:
        """The person at work: the name given in the preferences, else the login name."""
        return self.reviewer or user_name()

    def note_study(self, folder: Path) -> None:
        """Remember a study as the one opened last."""
        others = [name for name in self.recent_studies if name != str(folder)]
        self.recent_studies = (str(folder), *others)[:MOST_RECENT]
        self.last_pictures = {
            name: key for name, key in self.last_pictures.items() if name in self.recent_studies
        }


def load_settings(file: Path) -> Settings:
    """Read the settings; a missing or broken file, or a value that makes no sense, gives the default."""
    settings = Settings()
    try:
        stored = parse_object(file.read_bytes())
    except FileNotFoundError:
        return settings
    except (OSError, ValueError) as error:
        _log.warning("settings in %s not used: %s", file, error)
        return settings
    for known in fields(Settings):
        value = _checked(stored.get(known.name), getattr(settings, known.name), known.metadata)
        setattr(settings, known.name, value)
    return settings


def save_settings(settings: Settings, file: Path) -> None:
    """Write the settings; a failure is only logged, since nothing of a person's work is in them."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, json.dumps(asdict(settings), indent=1).encode())
    except (OSError, VesselError) as error:
        _log.warning("settings not saved to %s: %s", file, error)


def _checked(value: Any, default: Any, bounds: Any) -> Any:
    """Give a stored value where it is of the default's kind and within bounds, else the default."""
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if isinstance(default, tuple) and isinstance(value, list):
        kind = type(default[0]) if default else str
        same = [item for item in value if type(item) is kind]
        return tuple(same) if len(same) == len(value) and value else default
    if type(value) is not type(default):
        return default
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if type(item) is bounds.get("values", int)}
    if "low" in bounds:
        return min(max(value, bounds["low"]), bounds["high"])
    return value
