"""How a network is trained: every option, its meaning and its default, in one place.

The command line's options, a run's record and the tuner's search space are all made from these fields.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from training.errors import BadOption


class Augmentation(BaseModel):
    """What an image goes through in training, drawn anew each time it is shown. Zero leaves a step out.

    All amounts of an image are scaled by a strength that is drawn evenly from 0 to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shift: float = Field(0, ge=0, le=14, description="Pixels to each side, at most.")
    rotation: float = Field(0, ge=0, le=180, description="Degrees either way, at most.")
    scale: float = Field(0, ge=0, lt=1, description="Width and height are each divided by 1 plus or minus this.")
    shear: float = Field(0, ge=0, lt=1, description="Sideways pixels a row, either way, at most.")
    elastic: float = Field(0, ge=0, le=10, description="Standard deviation, in pixels, of a warp's random knots.")
    thickness: float = Field(0, ge=0, le=1, description="Pixels by which strokes grow or shrink a side, at most.")
    blur: float = Field(0, ge=0, le=5, description="Standard deviation, in pixels, of a Gaussian blur, at most.")
    noise: float = Field(0, ge=0, le=1, description="Standard deviation of added noise, as part of white, at most.")
    augmented: float = Field(1, ge=0, le=1, description="Part of each batch that is augmented; the rest stays as is.")


class Recipe(Augmentation):
    """All that can be chosen of a training but the architecture, the data and the seed."""

    epochs: int = Field(10, ge=1, description="Times that the training images are gone through.")
    batch_size: int = Field(32, ge=1, description="Images in one step.")
    validation: int = Field(5_000, ge=10, le=50_000, description="MNIST's training images held out to choose by.")

    optimizer: Literal["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"] = Field(
        "adam", description="Optimiser; momentum and nesterov are sgd with a momentum of 0.9."
    )
    learning_rate: float = Field(1e-3, gt=0, description="Of the optimiser, at its highest.")
    schedule: Literal["constant", "cosine", "exponential"] = Field(
        "constant", description="How the learning rate falls; exponential: to a hundredth."
    )
    warm_up: float = Field(0, ge=0, description="Epochs over which the learning rate first rises.")
    clip_norm: float | None = Field(
        None, gt=0, description="Longest gradient of one weight array; longer ones are cut."
    )

    width: float = Field(1, gt=0, description="Multiplies the channels or units of each hidden layer.")
    kernel: int = Field(3, ge=1, le=9, description="Side of the convolutions' kernels; the first one's is 2 more.")
    l1: float = Field(0, ge=0, description="Penalty on the weights' absolute values.")
    l2: float = Field(0, ge=0, description="Penalty on the weights' squares.")
    dropout: float = Field(0, ge=0, lt=1, description="Part of the units that is left out of each step.")
    batch_norm: bool = Field(False, description="Normalise what each hidden layer computes, before its ReLU.")
    label_smoothing: float = Field(0, ge=0, lt=1, description="Part of the target that is spread over all classes.")
    mixup: float = Field(0, ge=0, description="Blend pairs of images, by a share drawn from Beta(this, this).")
    patience: int | None = Field(
        None, ge=1, description="Stop after so many epochs without a lower validation loss, and go back to the lowest."
    )

    scans: float = Field(
        0, ge=0, le=4, description="Scanned digits of other hands than MNIST's to train on, as part of MNIST's."
    )
    pens: float = Field(
        0, ge=0, le=4, description="Digits drawn along pens' trajectories of other hands, as part of MNIST's."
    )
    strokes: float = Field(
        0, ge=0, le=4, description="Digits that the project's own generator writes, as part of MNIST's."
    )
    others_turned: float = Field(
        1,
        ge=0,
        le=1,
        description="By what part of the rotation those three are turned at most: a 1 with a flag is a 7.",
    )
    non_digits: float = Field(
        0, ge=0, le=1, description="Letters, scribbles, textures and the like to train on, as part of the digits."
    )
    members: int = Field(1, ge=1, le=16, description="Networks, of consecutive seeds, whose logits are averaged.")
    teacher: str | None = Field(
        None,
        description="A network to learn from too: a run or bundle, by its folder, or an architecture, trained first.",
    )
    teacher_views: int = Field(
        20, ge=1, le=100, description="Times that each image is distorted anew and shown to the teacher first."
    )
    teacher_share: float = Field(0.9, ge=0, le=1, description="Part of the loss that is towards the teacher's answers.")
    teacher_temperature: float = Field(4, gt=0, description="Softens both networks' answers before they are compared.")
    precision: Literal["float32", "mixed_bfloat16"] = Field(
        "float32", description="Of what layers compute in training; weights are always float32."
    )

    int8: bool = Field(False, description="Export convolutions in 8-bit integers: quicker on a CPU, less exact.")

    @model_validator(mode="after")
    def _rises_and_falls(self) -> Self:
        if self.warm_up > self.epochs:
            raise ValueError(f"warm_up ({self.warm_up:g}) must not be longer than epochs ({self.epochs})")
        return self

    def changed(self, options: dict[str, Any]) -> Self:
        """A copy with these fields changed. Raises BadOption where one is not what it must be."""
        try:
            return type(self)(**(self.model_dump() | options))
        except ValidationError as error:
            problems = [
                ": ".join([*map(str, problem["loc"]), problem["msg"].removeprefix("Value error, ")])
                for problem in error.errors()
            ]
            raise BadOption("; ".join(problems)) from error
