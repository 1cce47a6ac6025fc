"""A mask of ink -> its connected components."""

from app.imaging.components import components_of
from app.imaging.picture import Picture, Stage, by_area

FIXED_SECONDS, PIXEL_SECONDS = 0.03e-3, 3.2e-9


def _run(picture: Picture) -> None:
    picture.components = components_of(picture.mask)


CONNECT = Stage("finding connected ink", by_area(FIXED_SECONDS, PIXEL_SECONDS), _run)
