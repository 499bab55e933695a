"""Files that come with the app: models, icons. The same call works from a wheel and from a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_FOLDERS = (_PACKAGE / "resources", _PACKAGE.parent / "resources")


def resource_path(name: str) -> Path:
    """Give where a shipped file or folder lies.

    Parameters
    ----------
    name : str
        Path inside the resources folder with forward slashes, such as ``models/fundus-vessels.onnx``.

    Returns
    -------
    Path
        The first that exists of the wheel's and the checkout's; the wheel's place where neither does.
    """
    for folder in _FOLDERS:
        if (folder / name).exists():
            return folder / name
    return _FOLDERS[0] / name
