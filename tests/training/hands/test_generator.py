"""Digits that the project writes by itself."""

import numpy as np
import pytest

from app.tasks.digits.classifier import opened
from app.tasks.digits.manifest import read_bundle
from tests.conftest import MODELS
from training.hands import generator, sheet
from training.hands.generator import smooth, styles


def test_every_digit_is_written_in_several_ways() -> None:
    assert sorted(styles()) == [*range(10)]
    assert all(len(ways) >= 5 for ways in styles().values())
    assert {"flag-long", "foot"} <= {style.name for style in styles()[1]}
    assert {"open", "closed", "lightning"} <= {style.name for style in styles()[4]}
    assert {"bar", "serif", "serif-and-bar"} <= {style.name for style in styles()[7]}


def test_the_same_seed_writes_the_same() -> None:
    first, again, other = (generator.draw(40, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)
    assert first.labels.tolist() == [*range(10)] * 4


def test_what_is_written_is_read_as_that_digit() -> None:
    """By a network that never saw any of it: most, for it knows the ways of MNIST's writers alone."""
    manifest, model = read_bundle(MODELS / "mlp-128-64" / "1")
    written = generator.draw(500, 0)
    read = opened(model, labels=manifest.labels).scores(written.images)[:, :10].argmax(axis=1)
    assert (read == written.labels).mean() > 0.6


def test_a_curve_goes_through_its_points_and_has_corners() -> None:
    points = np.array([[0, 0], [1, 0], [1, 0], [1, 1], [2, 2]], float)
    curve = smooth(points)
    for point in points:
        assert np.abs(curve - point).sum(axis=1).min() == pytest.approx(0)
    corner = int(np.abs(curve - [1, 0]).sum(axis=1).argmin())
    before, after = curve[corner] - curve[corner - 1], curve[corner + 1] - curve[corner]
    assert before @ after < 0.5 * np.linalg.norm(before) * np.linalg.norm(after)


def test_a_contact_sheet_has_a_row_for_each_way_of_writing() -> None:
    picture = np.asarray(sheet.draw(0))
    styles_of_all = sum(len(ways) for ways in styles().values())
    assert picture.shape == (-(-styles_of_all // 2) * 30, 2 * 16 * 30)
    assert (picture[:30] < 100).any()
