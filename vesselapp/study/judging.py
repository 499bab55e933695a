"""What a study's model answers for a picture, where no answer is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.errors import VesselError
from vesselapp.core.evidence import level_of, quantise
from vesselapp.core.image import read_image
from vesselapp.core.learnt import Learnt
from vesselapp.study.study import Study
from vesselapp.study.study_model import model_of

if TYPE_CHECKING:
    from vesselapp.inference.model import Model


@dataclass(frozen=True)
class Judge:
    """Name, version and hash of the model that answered, and the level (2-253) of its own threshold.

    ``sized`` says whether it works at one size of cells.
    """

    model: str
    version: str
    sha256: str
    level: int
    sized: bool = False


class Judging:
    """The study's model, loaded when it is first asked.

    Parameters
    ----------
    study : Study
    choice : str
        Name or file of another model to ask; the study's own where empty.
    provider : str

    Attributes
    ----------
    note : str
        A sentence where the model is not the one that the study should have; else empty.
    """

    def __init__(self, study: Study, choice: str = "", provider: str = "auto") -> None:
        self._choice, self.note = (choice, "") if choice else model_of(study)
        self._provider = provider
        self._model: Model | None = None

    @property
    def asked(self) -> bool:
        """Whether the model was needed."""
        return self._model is not None

    @property
    def judge(self) -> Judge:
        """Who answers."""
        model = self._loaded()
        card, sized = model.card, model.card.scale.kind == "object_diameter"
        return Judge(card.name, card.version, model.sha256, level_of(card.threshold), sized)

    def answer(
        self, picture: Path, learnt: Learnt | None = None, object_diameter: float | None = None
    ) -> tuple[NDArray[np.uint8], int]:
        """Answer for a picture, adapted by what was learnt from it where that is of this model.

        Parameters
        ----------
        picture : Path
        learnt : Learnt, optional
        object_diameter : float, optional
            Px: how wide a person said the cells are; found where None.

        Returns
        -------
        probability : (H, W) uint8
            Quantised, 1-253.
        adapted_px : int
            From how many corrected pixels it was adapted; 0: it is the model's own.

        Raises
        ------
        VesselError
            Where there is no model, it doesn't run, or the picture can't be read.
        """
        from vesselapp.inference.predict import predict

        model, pixels = self._loaded(), read_image(picture).pixels
        found = predict(model, pixels, object_diameter=object_diameter)
        answer = quantise(found.probability)
        if learnt is None or learnt.head is None or learnt.model_sha256 != model.sha256:
            return answer, 0
        from vesselapp.core.adapt import adapted
        from vesselapp.inference.features import features_of

        try:
            return adapted(features_of(model, pixels, found.frame), answer, learnt.head), learnt.pixels
        except ValueError as problem:
            raise VesselError("what was learnt from it doesn't fit its model.") from problem

    def parted(
        self, picture: Path, mask: NDArray[np.bool_], object_diameter: float | None = None
    ) -> NDArray[np.int32]:
        """Number the cells of a mask ((H, W) bool), touching ones apart as the model sees them.

        ``object_diameter`` (px) is how wide a person said they are; it is found where None.

        Raises
        ------
        VesselError
            Where the model can't tell them, or the picture can't be read.
        """
        from vesselapp.inference.objects import (
            answer_cells,
            check_tells_objects,
            find_diameter,
            part_into_cells,
        )

        model, pixels = self._loaded(), read_image(picture).pixels
        check_tells_objects(model.card, model.path.stem)
        diameter = object_diameter or find_diameter(model, pixels)
        return part_into_cells(mask, answer_cells(model, pixels, diameter)[0], diameter)

    def finds_objects(self) -> bool:
        """Tell whether the model finds single objects (cells) rather than a tree of vessels.

        Raises
        ------
        VesselError
            Where there is no model, or it doesn't run.
        """
        return self._loaded().card.task == "cells"

    def _loaded(self) -> Model:
        from vesselapp.inference.catalog import find_model
        from vesselapp.inference.model import load_model

        if self._model is None:
            self._model = load_model(find_model(self._choice or None), self._provider)
        return self._model
