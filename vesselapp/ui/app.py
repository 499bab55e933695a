"""Starts the window."""

import logging
import signal
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from vesselapp.core.errors import VesselError
from vesselapp.core.files import is_file
from vesselapp.core.folders import SETTINGS_NAME, cache_folder, data_folder, settings_folder
from vesselapp.state.jobs import Jobs
from vesselapp.state.keeping import Keeper
from vesselapp.state.rescue import Rescue
from vesselapp.state.settings import load_settings, save_settings
from vesselapp.state.sources import ReadAhead, Source
from vesselapp.state.workspace import Workspace
from vesselapp.study.store import AnnotationStore
from vesselapp.ui.icons import icon
from vesselapp.ui.theme import apply_theme
from vesselapp.ui.window import MainWindow

_log = logging.getLogger(__name__)


class _Courier(QObject):
    """Carries calls from the background lane to the GUI thread."""

    _call = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._call.connect(lambda call: call(), Qt.ConnectionType.QueuedConnection)

    def deliver(self, call: Callable[[], None]) -> None:
        self._call.emit(call)


def make_window(
    data_folder: Path, config_folder: Path, ahead: ReadAhead | None = None, cache_folder: Path | None = None
) -> MainWindow:
    """Build the window with its workspace; a QApplication must exist.

    Parameters
    ----------
    data_folder : Path
        Where annotations of pictures opened alone are kept, and work that could not be saved in its place.
    config_folder : Path
        Where the settings are kept.
    ahead : ReadAhead, optional
        A picture that is being read already.
    cache_folder : Path, optional
        Where what can be made again is kept; inside ``data_folder`` where None.
    """
    settings_file = config_folder / SETTINGS_NAME
    settings = load_settings(settings_file)
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, settings.theme)
    if settings.model and not is_file(Path(settings.model)):
        _log.warning("the model used last is gone: %s", settings.model)
        settings.model = ""
    courier = _Courier()
    courier.setParent(app)
    jobs = Jobs(courier.deliver)
    keeper = Keeper(courier.deliver, Rescue(data_folder / "rescue"), settings.who)
    store, cache = AnnotationStore(data_folder / "annotations"), cache_folder or data_folder / "cache"
    workspace = Workspace(jobs, settings, store, keeper, cache, ahead)

    def remember() -> None:
        now = deepcopy(settings)
        jobs.aside("settings", lambda: save_settings(now, settings_file))

    workspace.remember = remember
    window = MainWindow(workspace)
    app.aboutToQuit.connect(lambda: save_settings(settings, settings_file))
    return window


def run(paths: list[Path], sample: Source | None = None, ahead: ReadAhead | None = None) -> int:
    """Open the window on pictures or on a sample and stay until it is closed; give the exit status.

    Parameters
    ----------
    paths : list of Path
        Pictures and folders.
    sample : Source, optional
        Opened instead of ``paths``.
    ahead : ReadAhead, optional
        The first picture, being read already while Qt is loaded.
    """
    app = QApplication(sys.argv[:1])
    app.setApplicationName("vesselapp")
    app.setDesktopFileName("vesselapp")
    app.setWindowIcon(icon("app", app.palette()))
    window = make_window(data_folder(), settings_folder(), ahead, cache_folder())
    _install_excepthook(window)
    _let_ctrl_c_close(app)
    if sample is not None:
        window.workspace.turning.to_sources([sample])
    elif paths:
        window.open_paths(paths)
    else:
        window.workspace.idle.emit()
    window.show()
    window.safety.tell_of_rescue()
    status = app.exec()
    window.workspace.jobs.close()
    return int(status)


def _install_excepthook(window: MainWindow) -> None:
    """Tell of a bug in one sentence, keep the rest in the log, and go on."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _log.critical("unexpected error", exc_info=(kind, error, trace))
        told = VesselError(
            f"Something went wrong inside the app: {error!r}.",
            "Your work is still open; the log has the details.",
        )
        window.notice.show_text(str(told))

    sys.excepthook = hook


def _let_ctrl_c_close(app: QApplication) -> None:
    """Let Ctrl+C in the terminal close the window; Python only sees the signal when it runs now and then."""
    signal.signal(signal.SIGINT, lambda *_: app.closeAllWindows())
    timer = QTimer(app)
    timer.timeout.connect(lambda: None)
    timer.start(300)
