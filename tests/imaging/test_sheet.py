"""A sheet is cut out of what lies around it only where it is plain that there is one."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.budget import UNLIMITED
from app.imaging.sheet import SMALL, find_sheet, paint_around

PAPER, DESK, INK = 230, 60, 40
CORNERS = np.array([[14, 10], [118, 16], [110, 116], [8, 108]])


def on_desk(corners: NDArray[np.int64] = CORNERS) -> NDArray[np.uint8]:
    picture = np.full((SMALL, SMALL), DESK, np.uint8)
    cv2.fillConvexPoly(picture, corners.astype(np.int32), PAPER)
    cv2.line(picture, (60, 40), (56, 90), INK, 5)
    return picture


@pytest.mark.parametrize(
    "corners",
    [
        CORNERS,
        np.add(CORNERS, (0, 25)),  # the picture's border cuts it off below
        np.multiply(CORNERS, (2, 1)),  # and on the right
        np.array([[-5, 20], [140, 24], [140, 140], [-5, 140]]),  # the desk is seen above alone
    ],
)
def test_a_sheet_is_found(corners: NDArray[np.int64]) -> None:
    picture = on_desk(corners)
    painted = paint_around(picture, UNLIMITED)
    outside = np.ones_like(picture)
    cv2.fillConvexPoly(outside, corners.astype(np.int32), 0)
    assert np.mean(painted[outside > 0] > 0.9 * PAPER) > 0.99  # what lies around is paper now
    assert painted[66, 57] == INK  # and what is written stays


def test_colours_are_painted_too() -> None:
    picture = np.dstack([on_desk(), on_desk(), np.full((SMALL, SMALL), 50, np.uint8)])
    assert paint_around(picture, UNLIMITED)[0, 0].tolist() == pytest.approx([PAPER, PAPER, 50], abs=5)


def shadow(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    fading = 1 / (1 + np.exp((np.arange(SMALL) - 70) / 3))
    return np.rint(picture * (1 - 0.6 * fading[:, None])).astype(np.uint8)


def bare() -> NDArray[np.uint8]:
    return np.full((SMALL, SMALL), PAPER, np.uint8)


@pytest.mark.parametrize(
    "picture",
    [
        bare(),
        shadow(bare()),
        cv2.circle(bare() // 4, (64, 64), 55, PAPER, -1),  # a plate is no sheet
        cv2.line(bare(), (30, 20), (90, 110), INK, 12),
        on_desk()[::2, ::2],  # too small to tell
    ],
    ids=["paper", "shadow", "plate", "stroke", "small"],
)
def test_nothing_is_painted_where_there_is_no_sheet(picture: NDArray[np.uint8]) -> None:
    assert find_sheet(picture, UNLIMITED) is None or min(picture.shape) < SMALL
    assert paint_around(picture, UNLIMITED) is picture
