"""A person at work on a study, in a process that is killed at random: is all there that was acknowledged?"""

import copy
import hashlib
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from tests.study.work import HEIGHT, WIDTH, Work, state_of, undoes_to_nothing
from vesselapp.core.errors import VesselError
from vesselapp.study.annotation import AnnotationFolder
from vesselapp.study.record import ImageFacts, Record, State
from vesselapp.study.study import Study, StudyPicture
from vesselapp.study.verify import verify_study
from vesselapp.study.writer import Writer

_KILLS_A_PICTURE = 40
_MOST_STEPS = 4
_ANSWER = np.full((HEIGHT, WIDTH), 60, np.uint8)


@dataclass
class Outcome:
    """What became of the work: kills, steps acknowledged, steps lost, and what was broken, in sentences."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was lost or broken."""
        return not self.lost and not self.broken


class Killing:
    """A study, and a child that works on one picture of it after another.

    Parameters
    ----------
    folder : Path
        Empty.
    seed : int
    longest : float
        Seconds that a child lives at most.
    """

    def __init__(self, folder: Path, seed: int, longest: float = 0.25) -> None:
        self.outcome = Outcome()
        self._chance = random.Random(seed)
        self._longest = longest
        pictures = folder / "Bilder für die Studie"
        pictures.mkdir(parents=True)
        self._pictures = pictures
        self._study = Study.create(folder / "study", "soak", [pictures], "", "ann")
        self._next_picture()

    def kill_once(self) -> None:
        """Let a child work, kill it, and look at what it left; now and then also open, close and verify."""
        if self.outcome.kills % _KILLS_A_PICTURE == _KILLS_A_PICTURE - 1:
            self._close_and_verify()
            self._next_picture()
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _work(self._place, self._facts, self._work, self._chance.randrange(2**30), write)
        os.close(write)
        time.sleep(self._chance.uniform(0, self._longest))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        with os.fdopen(read, "rb") as pipe:
            batches = pipe.read()
        self.outcome.kills += 1
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            self._broken("the child ended by itself")
        self._look(batches)

    def _look(self, batches: bytes) -> None:
        """Hold what is on disk against all that was acknowledged, and what was under way behind it."""
        for _ in range(sum(batches)):
            self._work.step()
        self.outcome.acknowledged += sum(batches)
        try:
            kept = self._place.load(self._facts.sha256, HEIGHT, WIDTH)
        except VesselError as problem:
            self._broken(str(problem))
            return
        if kept is not None and kept.notes:
            self._broken(" ".join(kept.notes))
        if kept is not None and not undoes_to_nothing(kept):
            self._broken("undo doesn't lead back to the beginning")
        found, ahead = state_of(kept), copy.deepcopy(self._work)
        for _ in range(_MOST_STEPS + 1):
            if found == ahead.state:
                self._work = ahead
                return
            ahead.step()
        self.outcome.lost += 1
        self._broken("the picture is in a state that it never was in, or an acknowledged step is missing")
        self._next_picture()

    def _close_and_verify(self) -> None:
        try:
            self._place.open("ann", self._facts).close()
            problems = [finding for finding in verify_study(self._study.folder) if finding.problem]
        except VesselError as problem:
            self._broken(str(problem))
            return
        for finding in problems:
            self._broken(f"{finding.where}: {finding.sentence}")

    def _next_picture(self) -> None:
        name = f"eye {self.outcome.kills}.png"
        file = self._pictures / name
        Pillow.fromarray(np.full((4, 4), self.outcome.kills % 256, np.uint8)).save(file)
        picture: StudyPicture = next(p for p in self._study.pictures() if p.name == name)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        self._facts = ImageFacts(name, digest, HEIGHT, WIDTH, picture.relative)
        self._place = self._study.place(picture)
        self._work = Work(self._chance.randrange(2**30))

    def _broken(self, sentence: str) -> None:
        self.outcome.broken.append(f"after {self.outcome.kills} kills: {sentence}")


def _work(place: AnnotationFolder, facts: ImageFacts, work: Work, seed: int, pipe: int) -> None:
    """Work until killed, and tell through the pipe how many steps were acknowledged, batch by batch."""
    try:
        chance = random.Random(seed)
        writer = place.open("ann", facts)
        while True:
            operations = [work.step() for _ in range(chance.choice((1, 1, 1, 2, _MOST_STEPS)))]
            writer.append(operations)
            os.write(pipe, bytes([len(operations)]))
            writer = _anything(chance, writer, place, facts)
    except BaseException:  # noqa: BLE001 - the child of a fork must never come back
        traceback.print_exc(file=sys.stderr)
    os._exit(1)


def _anything(chance: random.Random, writer: Writer, place: AnnotationFolder, facts: ImageFacts) -> Writer:
    """Do what the app does between strokes."""
    state = chance.choice(list(State))
    note = str(chance.random())
    record = Record(facts.image, facts.sha256, HEIGHT, WIDTH, facts.path, state=state, note=note)
    actions: list[Callable[[], None]] = [
        writer.compact,
        lambda: writer.write_record(record),
        lambda: writer.write_answer(_ANSWER),
        writer.refresh,
        writer.close,
    ]
    if chance.random() < 0.5:
        writer._journal_slack = chance.choice((0, 2**18))
        action = chance.choice(actions)
        action()
        if action == writer.close:
            return place.open("ann", facts)
    return writer
