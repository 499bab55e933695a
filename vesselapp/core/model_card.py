"""The model card: what a model expects, what its answer means, and what it is good for.

The card is JSON under one key of the ONNX file's metadata, so that a model is one file. A foreign file gets
a card that was read from its graph; `ModelCard.guessed` then names what was guessed. Field names follow the
BioImage.IO model description where it has one (https://github.com/bioimage-io/spec-bioimage-io).
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

METADATA_KEY = "vesselapp.card"
CARD_FORMAT = 1
COLOUR_CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1, "green": 1}

# A card may come from anybody: what its numbers ask for has a bound.
MOST_SIZE = 8192
_Side = Annotated[int, Field(ge=1, le=MOST_SIZE)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class InputSpec(_Part):
    """How pixels are handed to the graph.

    Pixels are taken as uint8 sRGB, equalised if asked for, mapped from 0-255 to ``low``-``high``, then
    ``(value - mean) / std`` per channel. Models of our own trainer take raw uint8 and do this inside the
    graph.
    """

    name: str = ""
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    dtype: Literal["uint8", "float32", "float16"] = "uint8"
    colour: Literal["rgb", "bgr", "gray", "green"] = "rgb"
    low: float = 0.0
    high: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    equalise: bool = False

    @field_validator("mean", "std")
    @classmethod
    def _one_for_each_channel(cls, values: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        channels = COLOUR_CHANNELS[info.data.get("colour", "rgb")]
        if len(values) not in (1, channels):
            raise ValueError(f"it takes 1 number, or {channels} as the colours")
        return values


class ScaleSpec(_Part):
    """How a picture is brought to the model's working scale.

    ``as_is``: pixels as they are. ``fixed``: the whole picture is resized to the graph's own size.
    ``field_of_view``: the field of view is scaled to a diameter of ``size`` px and nothing outside it is
    foreground. ``object_diameter``: typical objects are scaled to ``size`` px across.

    With ``largest``, a field of view is scaled to ``share`` of its own diameter, held between ``size`` and
    ``largest``: finely resolved pictures keep more of their thin vessels.
    """

    kind: Literal["as_is", "fixed", "field_of_view", "object_diameter"] = "as_is"
    size: _Side | None = Field(default=None, validate_default=True)
    largest: _Side | None = None
    share: float = Field(default=1.0, gt=0.0)

    @field_validator("size")
    @classmethod
    def _known_for_objects(cls, size: int | None, info: ValidationInfo) -> int | None:
        if size is None and info.data.get("kind") == "object_diameter":
            raise ValueError("objects are scaled to it")
        return size

    def working_diameter(self, diameter: float) -> float:
        """Give the diameter (px) that a field of view of so many px is scaled to."""
        least = float(self.size or diameter)
        return least if self.largest is None else min(max(self.share * diameter, least), float(self.largest))


class TileSpec(_Part):
    """How a big picture is cut: tile sides are multiples of ``stride``, neighbours share ``overlap`` px.

    Graphs of a ``fixed`` size take ``size`` rows and ``width`` columns (as many as rows where it is None).
    """

    stride: int = Field(default=32, ge=1, le=4096)
    size: _Side = 512
    width: _Side | None = None
    overlap: int = Field(default=64, ge=0)
    fixed: bool = False


class OutputSpec(_Part):
    """What the graph answers: which output, in what layout, and how a foreground probability comes of it.

    The numbers of a ``mask`` are 0-255 for 0-1 where it is ``soft``; else all but 0 are foreground.

    Nets without padding answer for less than they see: ``margin`` px less on each side (mirrored on).
    """

    name: str = ""
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    meaning: Literal["probability", "logits", "softmax_logits", "mask"] = "probability"
    channels: tuple[str, ...] = ("foreground",)
    soft: bool = False
    foreground: tuple[int, ...] = Field(default=(0,), min_length=1)
    margin: int = Field(default=0, ge=0, le=4096)
    features: str | None = None

    @field_validator("foreground")
    @classmethod
    def _are_channels(cls, foreground: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        count = len(info.data.get("channels", ()))
        if not all(0 <= channel < count for channel in foreground):
            raise ValueError(f"it has {count} channels, from 0")
        return foreground


class SelfTest(_Part):
    """A small input made from a recipe, and the answer it must give, run when a model is loaded.

    The input is ``size`` x ``size`` px, drawn by `vesselapp.core.self_test.self_test_picture` from ``seed``;
    the expected foreground probability is kept as means over a ``grid`` x ``grid`` raster.
    """

    seed: int = Field(default=0, ge=0)
    size: int = Field(default=128, ge=8, le=1024)
    grid: int = Field(default=8, ge=1)
    expected: tuple[float, ...] = ()
    tolerance: float = 5e-3

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        if self.grid > self.size or len(self.expected) not in (0, self.grid**2):
            raise ValueError("the answer it expects does not fit its raster")
        return self


class Figures(_Part):
    """What a model was measured to do on one set: name, number of pictures, and named values (0-1)."""

    name: str
    pictures: int
    values: dict[str, float]
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)


class Source(_Part):
    """Data a model learnt from, with its licence and whom to credit."""

    name: str
    licence: str
    credit: str = ""
    pictures: int | None = 0
    """0: drawn anew, as they are learnt. None: not known."""

    @property
    def amount(self) -> str:
        """How many pictures, in words."""
        if self.pictures is None:
            return "an unknown number of pictures"
        if not self.pictures:
            return "pictures drawn as it learnt"
        return f"{self.pictures} picture{'s' * (self.pictures > 1)}"


class ModelCard(_Part):
    """Everything the app knows about a model."""

    format: int = CARD_FORMAT
    name: str
    version: str = "1"
    task: Literal["vessels", "cells", "other"] = "other"
    description: str = ""
    input: InputSpec = InputSpec()
    scale: ScaleSpec = ScaleSpec()
    tile: TileSpec = TileSpec()
    output: OutputSpec = OutputSpec()
    threshold: float = Field(default=0.5, ge=0.0, le=1.0)
    parent: str | None = None
    timestamp: str = ""
    command: str = ""
    training_data: tuple[Source, ...] = ()
    validation: tuple[Figures, ...] = ()
    licence: str = ""
    limits: tuple[str, ...] = ()
    self_test: SelfTest | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    guessed: tuple[str, ...] = ()
