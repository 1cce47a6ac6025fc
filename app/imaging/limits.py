"""How much a picture of numbers may hold: a page full of grain has thousands of components."""

from app.errors import Undecodable

MOST_COMPONENTS = 400
MOST_CUTS = 600
MOST_LAYERS = 4  # that boxes around components may lie over each other, on the whole of a picture


def check(count: int, most: int, what: str) -> None:
    """Raises Undecodable where there is more in a picture than can be read in good time."""
    if count > most:
        raise Undecodable(
            f"the picture holds {count:,} {what}; at most {most} are read at a time. "
            "Send a part of it, or one with plainer paper."
        )
