import keras
import numpy as np
import pytest

from training.architectures import ARCHITECTURES, architecture
from training.augment import Distort, blur, change_thickness, resample
from training.errors import BadOption, UnknownArchitecture
from training.recipe import Augmentation

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_takes_raw_frames_and_gives_logits(name: str) -> None:
    network = architecture(name).build()
    logits = network.predict(FRAMES, verbose=0)
    assert (logits.shape, logits.dtype) == ((3, 10), np.float32)
    np.testing.assert_allclose(network.predict(FRAMES.astype(np.float32), verbose=0), logits, rtol=1e-6)


def test_mlp_128_64_is_what_its_name_says() -> None:
    assert architecture("mlp-128-64").build().count_params() == 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10


def test_width_multiplies_every_hidden_layer() -> None:
    chosen = architecture("mlp-128-64")
    half = chosen.build(chosen.recipe.changed({"width": 0.5})).count_params()
    assert half == 784 * 64 + 64 + 64 * 32 + 32 + 32 * 10 + 10


def test_normalisation_and_dropout_stand_where_the_texts_have_them() -> None:
    layers = [type(layer).__name__ for layer in architecture("mlp-256-128-bn-dropout").build().layers]
    assert layers[-9:-1] == ["Dense", "BatchNormalization", "ReLU", "Dropout"] * 2


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_can_be_regularised(name: str) -> None:
    recipe = architecture(name).recipe.changed({"l2": 1e-3, "dropout": 0.2, "batch_norm": True})
    network = architecture(name).build(recipe)
    kinds = {type(layer).__name__ for layer in network.layers}
    assert {"BatchNormalization", "Dropout"} <= kinds
    assert network.losses


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownArchitecture, match="no architecture 'nn'; there are: cnn, cnn-large, mlp-128-64"):
        architecture("nn")


def test_an_option_that_cannot_be_is_refused_in_a_sentence() -> None:
    with pytest.raises(BadOption, match=r"batch_size: .*greater than or equal to 1; dropout: .*less than 1"):
        architecture("cnn").recipe.changed({"dropout": 1.5, "batch_size": 0})


def test_a_warm_up_longer_than_the_training_is_refused() -> None:
    with pytest.raises(BadOption, match=r"^warm_up \(3\) must not be longer than epochs \(2\)"):
        architecture("cnn").recipe.changed({"epochs": 2, "warm_up": 3})


def a_bar() -> np.ndarray:
    """An upright bar of 3x11 pixels in the middle, off the axis of symmetry."""
    frame = np.zeros((1, 28, 28), np.float32)
    frame[:, 8:19, 12:15] = 255
    return frame


def distorted(**amount: float) -> np.ndarray:
    distort = Distort(Augmentation(**amount), seed=3)
    return keras.ops.convert_to_numpy(distort(np.repeat(a_bar(), 64, axis=0), training=True))


def test_no_amount_and_no_training_leave_frames_alone() -> None:
    np.testing.assert_array_equal(distorted(), np.repeat(a_bar(), 64, axis=0))
    assert np.array_equal(Distort(Augmentation(shift=9, rotation=9, blur=2))(a_bar()), a_bar())


def test_each_frame_is_turned_by_its_own_part_of_the_rotation() -> None:
    frames, turns = np.repeat(a_bar(), 64, axis=0), np.repeat([0, 1], 32).astype(np.float32)
    turned = keras.ops.convert_to_numpy(Distort(Augmentation(rotation=40), seed=3)(frames, turns, training=True))
    np.testing.assert_allclose(turned[:32], frames[:32], atol=1e-3)
    assert np.abs(turned[32:] - frames[32:]).max(axis=(1, 2)).min() > 1


def test_shift_moves_the_middle_within_its_reach() -> None:
    frames = distorted(shift=3.0)
    columns = (frames.sum(axis=1) @ np.arange(28)) / frames.sum(axis=(1, 2))
    assert np.abs(columns - 13).max() <= 3
    assert columns.std() == pytest.approx(3 / np.sqrt(3) / np.sqrt(3), rel=0.25)  # of the strength, too


@pytest.mark.parametrize("amount", [{"rotation": 20.0}, {"scale": 0.2}, {"shear": 0.3}, {"elastic": 1.0}])
def test_each_geometry_changes_frames_about_their_middle(amount: dict[str, float]) -> None:
    frames = distorted(**amount)
    assert (np.abs(frames - a_bar()).max(axis=(1, 2)) > 1).mean() > 0.9
    rows = (frames.sum(axis=2) @ np.arange(28)) / frames.sum(axis=(1, 2))
    assert np.abs(rows - 13).max() < 3
    assert frames.sum(axis=(1, 2)).mean() == pytest.approx(a_bar().sum(), rel=0.1)


def test_geometry_is_one_linear_interpolation() -> None:
    """A quarter turn about the middle moves every pixel onto another: nothing may be blurred."""
    frame = np.random.default_rng(0).random((1, 28, 28), np.float32)
    down, across = np.mgrid[:28, :28].astype(np.float32)[:, None]
    turned = keras.ops.convert_to_numpy(resample(frame, 27 - down, across))
    np.testing.assert_allclose(turned[0], np.rot90(frame[0]), atol=1e-6)


def test_thickness_grows_and_shrinks_the_stroke_by_parts_of_a_pixel() -> None:
    widths = [
        float(change_thickness(a_bar(), np.full((1, 1, 1), pixels, np.float32))[0, 13].numpy().sum()) / 255
        for pixels in (-1, -0.5, 0, 0.5, 1)
    ]
    np.testing.assert_allclose(widths, [1, 2, 3, 4, 5], rtol=1e-6)


def test_blur_is_a_gaussian() -> None:
    point = np.zeros((1, 28, 28), np.float32)
    point[0, 14, 14] = 255
    blurred = keras.ops.convert_to_numpy(blur(point, np.full((1, 1, 1), 1.5, np.float32)))[0]
    assert blurred.sum() == pytest.approx(255, rel=1e-3)
    assert (blurred.sum(axis=0) @ (np.arange(28) - 14.0) ** 2) / 255 == pytest.approx(1.5**2, rel=1e-2)


def test_a_part_of_each_batch_stays_as_it_is() -> None:
    untouched = (distorted(noise=1, augmented=0.5) == a_bar()).all(axis=(1, 2))
    assert 16 < untouched.sum() < 48
