"""The largest components alone, where there are more than a picture of one digit has."""

from app.imaging.picture import Picture, Stage

MOST_COMPONENTS = 200

FIXED_SECONDS, COMPONENT_SECONDS = 5e-6, 70e-9


def _seconds(picture: Picture) -> float:
    return FIXED_SECONDS + COMPONENT_SECONDS * len(picture.components.names)


def _run(picture: Picture) -> None:
    picture.components = picture.components.largest(MOST_COMPONENTS)


KEEP_LARGEST = Stage("choosing the largest parts", _seconds, _run)
