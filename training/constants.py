"""Constants of a digit model that are chosen, not fitted to each one; every release writes them into its manifest.

How they were chosen: docs/experiments, "whole numbers" and "faint ink and desks".
"""

import base64
import io

import numpy as np
from PIL import Image

from app.imaging.preparation import Doubt, Preparation
from app.tasks.digits import strokes
from app.tasks.digits.beam import NumberWeights
from app.tasks.digits.manifest import Golden

# A frame is as MNIST's: the digit in 20x20, its centre of mass in the middle of pixel 14, whose middle is 14.5. Wider
# strokes than 4.2 pixels nearly none of MNIST's has.
PREPARATION = Preparation(
    side=28,
    box=20,
    middle=14.5,
    thickest=4.2,
    doubt=Doubt(clear=-2.0, faint=-7.0, alone=14.0, fading=-25.0, sign=-9.0),
)
NUMBERS = NumberWeights(
    skip=-6.34,
    cut=0.421,
    cut_ink=8.74,
    usual_energy=-10.1,
    energy_step=1.37,
    low=0.621,
    too_low=76.3,
    wide=0.518,
    too_wide=3.41,
)
LEAST_RIGHT = 8  # of the ten golden digits: a model that reads fewer is broken


def golden() -> Golden:
    """The project's own ten digits."""
    digits = range(10)
    return Golden(images=[_png(strokes.render(digit)) for digit in digits], digits=[*digits], least_right=LEAST_RIGHT)


def _png(frame: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
