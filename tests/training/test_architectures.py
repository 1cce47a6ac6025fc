import keras
import numpy as np
import pytest

from training.architectures import ARCHITECTURES, architecture
from training.augment import RandomAffine
from training.errors import UnknownArchitecture

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_takes_raw_frames_and_gives_logits(name: str) -> None:
    network = architecture(name).build()
    logits = network.predict(FRAMES, verbose=0)
    assert (logits.shape, logits.dtype) == ((3, 10), np.float32)
    np.testing.assert_allclose(network.predict(FRAMES.astype(np.float32), verbose=0), logits, rtol=1e-6)


def test_mlp_128_64_is_what_its_name_says() -> None:
    assert architecture("mlp-128-64").build().count_params() == 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownArchitecture, match="no architecture 'nn'; there are: cnn, mlp-128-64"):
        architecture("nn")


def a_bar() -> np.ndarray:
    """An upright bar of 3x11 pixels in the middle, off the axis of symmetry."""
    frame = np.zeros((1, 28, 28), np.float32)
    frame[:, 8:19, 12:15] = 255
    return frame


def warped(**reach: float) -> np.ndarray:
    none = {"shift": 0.0, "degrees": 0.0, "scale": 0.0, "shear": 0.0}
    warp = RandomAffine(**(none | reach), seed=3)
    return keras.ops.convert_to_numpy(warp(np.repeat(a_bar(), 64, axis=0), training=True))


def test_no_reach_and_no_training_leave_frames_alone() -> None:
    np.testing.assert_allclose(warped(), np.repeat(a_bar(), 64, axis=0), atol=1e-3)
    assert np.array_equal(RandomAffine(shift=9, degrees=9, scale=0.5, shear=0.5)(a_bar()), a_bar())


def test_shift_moves_the_middle_within_its_reach() -> None:
    frames = warped(shift=3.0)
    columns = (frames.sum(axis=1) @ np.arange(28)) / frames.sum(axis=(1, 2))
    assert np.abs(columns - 13).max() <= 3
    assert columns.std() == pytest.approx(3 / np.sqrt(3), rel=0.25)


@pytest.mark.parametrize("reach", [{"degrees": 20.0}, {"scale": 0.2}, {"shear": 0.3}])
def test_each_geometry_changes_every_frame_about_its_middle(reach: dict[str, float]) -> None:
    frames = warped(**reach)
    assert (np.abs(frames - a_bar()).max(axis=(1, 2)) > 1).all()
    rows = (frames.sum(axis=2) @ np.arange(28)) / frames.sum(axis=(1, 2))
    assert np.abs(rows - 13).max() < 1
    assert frames.sum(axis=(1, 2)).mean() == pytest.approx(a_bar().sum(), rel=0.1)
