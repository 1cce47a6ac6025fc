"""How a picture becomes a frame for one model, and how far that model is believed. It stands in the manifest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Doubt:
    """By how much a model's energy may exceed its threshold for a picture to be a digit all the same.

    The threshold was chosen on clean digits and on noise; what people draw and photograph is more like digits.
    """

    clear: float
    """Of clear ink."""
    faint: float
    """Of ink that may be the paper's grain or a shadow, to which is added:"""
    alone: float
    """times the digit's share of all ink,"""
    fading: float
    """times how much it fades at its edges,"""
    sign: float
    """and for each sign of something else: a border of the picture that it touches, or printed lines."""


@dataclass(frozen=True)
class Preparation:
    """A frame is square; digits lie in it as those lay that the model was trained on."""

    side: int
    """Pixels, of the frame."""
    box: int
    """Pixels, of the digit's longer side."""
    middle: float
    """Where the digit's centre of mass comes to lie, in pixels from the frame's edge."""
    thickest: float
    """Pixels of the frame: wider strokes are thinned to it."""
    doubt: Doubt
    margin: float = 1.0
    """By how much another frame of a picture has to have less energy than the first to be taken for it."""
