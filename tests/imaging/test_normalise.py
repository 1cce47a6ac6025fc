"""Pictures to frames, on the project's own digits."""

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from app.budget import Budget
from app.errors import NoInk
from app.imaging.normalise import Frame, is_frame, normalise
from app.tasks.digits import strokes
from app.tasks.digits.classifier import ENERGY, Classifier, opened
from app.tasks.digits.manifest import read_bundle
from tests.conftest import DIGITS
from tests.pictures import broken, half_in_shadow
from training.constants import PREPARATION

Grey = NDArray[np.uint8]


@pytest.fixture(scope="module")
def session() -> Classifier:
    return opened(read_bundle(DIGITS).model)


def on_paper(digit: int, size: int = 140, paper: int = 255, ink: int = 0) -> Grey:
    depth = strokes.render(digit, size=size).astype(np.float64) / 255
    return np.rint(paper + (ink - paper) * depth).astype(np.uint8)


def read(session: Classifier, picture: Grey) -> int:
    return int(session.scores(normalise(picture, PREPARATION).pixels[None])[0, :ENERGY].argmax())


@pytest.mark.parametrize("digit", range(10))
def test_a_frame_passes_untouched(digit: int) -> None:
    frame = strokes.render(digit)
    made = normalise(frame, PREPARATION)
    assert made.steps == ("untouched",)
    assert made.others == ()
    assert np.array_equal(made.pixels, frame)


def test_every_mnist_image_passes_untouched(mnist_test: tuple[Grey, NDArray[np.int64]]) -> None:
    assert all(is_frame(image, PREPARATION.side) for image in mnist_test[0])


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (200, 60), (90, 20), (70, 190)])
@pytest.mark.parametrize("size", [28, 45, 140, 600])
def test_size_and_shade_do_not_matter(session: Classifier, digit: int, size: int, paper: int, ink: int) -> None:
    assert read(session, on_paper(digit, size, paper, ink)) == digit


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("corner", ["top left", "bottom right"])
def test_place_does_not_matter(session: Classifier, digit: int, corner: str) -> None:
    picture = np.full((300, 400), 255, np.uint8)
    at = (slice(0, 100), slice(0, 100)) if corner == "top left" else (slice(200, 300), slice(300, 400))
    picture[at] = on_paper(digit, 100)
    assert read(session, picture) == digit


@pytest.mark.parametrize("digit", range(10))
def test_noise_and_blur_of_a_scan(session: Classifier, digit: int) -> None:
    noise = np.random.default_rng(digit).normal(0, 6, (200, 200))
    blurred = Image.fromarray(on_paper(digit, 200, 235, 40)).filter(ImageFilter.GaussianBlur(2))
    assert read(session, (np.asarray(blurred) + noise).clip(0, 255).astype(np.uint8)) == digit


def test_a_made_frame_is_as_mnist_made_its_own() -> None:
    frame = normalise(on_paper(5, 333), PREPARATION).pixels
    rows, columns = np.nonzero(frame)
    assert (frame.dtype, frame.shape, frame.max()) == (np.uint8, (28, 28), 255)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    weights = frame[rows, columns].astype(np.float64)
    assert np.average(rows + 0.5, weights=weights) == pytest.approx(14.5, abs=0.6)
    assert np.average(columns + 0.5, weights=weights) == pytest.approx(14.5, abs=0.6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 2), (28, 28), (3, 900)])
def test_any_shape_without_ink(shape: tuple[int, int]) -> None:
    with pytest.raises(NoInk):
        normalise(np.full(shape, 128, np.uint8), PREPARATION)


@pytest.mark.parametrize("colour", [(225, 200, 200), (200, 215, 225)])
def test_faint_ink_that_a_shadow_hides_is_seen_by_its_colour(session: Classifier, colour: tuple[int, ...]) -> None:
    ink = strokes.render(3, size=200)[..., None] / 255
    down, across = np.indices((200, 200)) / 200
    light = 1 - 0.4 / (1 + np.exp((across - 0.3 * down - 0.4) / 0.03))
    grain = np.random.default_rng(0).normal(0, 3, (200, 200, 1))
    picture = ((225 + (np.array(colour) - 225) * ink) * light[..., None] + grain).clip(0, 255).astype(np.uint8)
    frame = normalise(picture, PREPARATION)
    assert frame.steps[0] == "colour alone"
    assert (frame.judgement.verdict, frame.judgement.doubted) == ("faint", "blank")
    assert read(session, picture) == 3


def read_of(session: Classifier, frames: Iterable[Frame]) -> list[int]:
    return [int(session.scores(frame.pixels[None])[0, :ENERGY].argmax()) for frame in frames]


@pytest.mark.parametrize("size", [28, 45, 140, 600])
def test_what_is_written_clearly_is_one_frame(size: int) -> None:
    assert [normalise(on_paper(digit, size, 235, 40), PREPARATION).others for digit in range(10)] == [()] * 10


@pytest.mark.parametrize("digit", [0, 5, 8])
def test_a_digit_in_parts_is_taken_whole_in_another_frame(session: Classifier, digit: int) -> None:
    frame = normalise(broken(digit), PREPARATION)
    assert read(session, broken(digit)) != digit
    assert read_of(session, frame.others) == [digit]
    assert "bridge gaps" in frame.others[0].steps


@pytest.mark.parametrize("digit", range(10))
def test_a_small_picture_half_in_shadow_is_looked_at_in_even_light_too(session: Classifier, digit: int) -> None:
    frame = normalise(half_in_shadow(digit), PREPARATION)
    assert read(session, half_in_shadow(digit)) != digit or digit == 1
    assert digit in read_of(session, frame.others)
    assert any("enlarge" in other.steps for other in frame.others)


def test_there_are_never_more_than_four_frames() -> None:
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 256, noise.integers(8, 64, 2), dtype=np.uint8) for _ in range(200)]
    assert max(len(normalise(picture, PREPARATION).others) for picture in pictures) == 3


def test_what_the_budget_does_not_reach_is_left_out() -> None:
    ample = Budget(1.0)
    assert normalise(half_in_shadow(3), PREPARATION, ample).others
    spent = ample.whole - ample.left
    first = normalise(half_in_shadow(3), PREPARATION, Budget(spent / 2))
    assert first.others == ()
    assert np.array_equal(first.pixels, normalise(half_in_shadow(3), PREPARATION).pixels)


def with_a_block(shape: tuple[int, int]) -> Grey:
    picture = np.full(shape, 255, np.uint8)
    picture[tuple(slice(side // 3, side // 3 + max(1, side // 5)) for side in shape)] = 0
    return picture


@pytest.mark.parametrize("shape", [(2, 2), (5, 9), (28, 28), (20, 300), (300, 20), (60, 5000)])
def test_any_shape_with_ink_gives_a_frame(shape: tuple[int, int]) -> None:
    made = normalise(with_a_block(shape), PREPARATION).pixels
    assert (made.shape, made.max()) == ((28, 28), 255)


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (3, 900)])
def test_what_fills_a_picture_of_a_few_rows_is_a_line(shape: tuple[int, int]) -> None:
    with pytest.raises(NoInk):
        normalise(with_a_block(shape), PREPARATION)


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (28, 28), (3, 900)])
def test_one_dark_pixel_on_paper_is_dirt(shape: tuple[int, int]) -> None:
    picture = np.full(shape, 255, np.uint8)
    picture[shape[0] // 2, shape[1] // 2] = 0
    with pytest.raises(NoInk):
        normalise(picture, PREPARATION)


def test_scikit_learns_real_digits(session: Classifier) -> None:
    """1,797 digits of other people, 8x8 and 17 shades: nothing was tuned on them."""
    from sklearn.datasets import load_digits

    data, labels = load_digits(return_X_y=True)
    pictures = (data.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    right = np.mean([read(session, picture) == label for picture, label in zip(pictures, labels, strict=True)])
    print(f"load_digits: {right:.4f}")
    assert right > 0.9  # the imaging to come aims at 0.95
