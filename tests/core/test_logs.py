"""The log file, which several processes may write."""

import errno
import logging
from pathlib import Path

import pytest

from vesselapp.core import logs
from vesselapp.core.logs import log_file, logging_to_file

_log = logging.getLogger(__name__)
LONG = b"x" * 1_000_000 + b"\n"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "log_folder", lambda: tmp_path)


@pytest.mark.parametrize("held", [False, True])
def test_a_long_log_is_put_aside_at_a_start_unless_another_process_holds_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], held: bool
) -> None:
    def refuse(path: Path, _target: Path) -> None:
        raise PermissionError(errno.EACCES, "another program has it open", str(path))

    if held:
        monkeypatch.setattr(Path, "replace", refuse)
    log_file().write_bytes(LONG)
    with logging_to_file():
        _log.info("what happened")
        with log_file().open("ab") as other:
            other.write(LONG)
        _log.info("and then")
    text = log_file().read_text("utf-8")
    assert "what happened" in text
    assert "and then" in text
    aside = log_file().with_name("vesselapp.log.1")
    assert aside.exists() is not held
    assert text.count("x" * 1_000_000) == (2 if held else 1)
    assert capsys.readouterr().err == ""
