"""A single digit whose stroke is broken across: its halves stand above each other, and are joined to one component.

Among other digits they are joined later (`pieces.stacked`), for those show how high a digit is.
"""

import numpy as np

from app.budget import Budget
from app.imaging.boxes import Box, box_around
from app.imaging.components import Component, Components

GAP = 0.08  # of both heights together: so far apart the stroke's ends lie at most,
OVER = 0.15  # and so far they may reach beside each other
SHARED = 0.5  # of the narrower one's width: what shares more stands above the other
ALIKE = 0.4  # of the higher one's height: what is lower is a bar or a comma
BESIDE, NEXT = 1.6, 0.4  # of both: so near at their sides, and above and below them, no other digit stands

PAIR = 0.4e-6  # seconds for two components
JOINING, JOINED_PIXEL = 60e-6, 3e-9  # seconds for two that may be halves, and for a pixel of the picture


def mended(components: Components, budget: Budget) -> Components:
    """The same with such halves joined. Raises TooMuchWork."""
    found = components.found
    budget.charge(PAIR * len(found) ** 2, "looking for broken strokes")
    alone = [pair for pair in _above_each_other(found) if _stand_alone(*pair, found)]
    if not alone:
        return components
    budget.charge(len(alone) * (JOINING + JOINED_PIXEL * components.labels.size), "joining broken strokes")
    labels, stats, names = components.labels.copy(), components.stats.copy(), components.names.tolist()
    gone = []
    for upper, lower in alone:
        box = box_around([upper.box, lower.box])
        labels[labels == lower.label] = upper.label
        stats[names.index(upper.label)] = box.left, box.top, box.width, box.height, upper.area + lower.area
        gone.append(names.index(lower.label))
    return Components(labels, components.names, stats).only(np.delete(np.arange(len(names)), gone))


def _above_each_other(found: list[Component]) -> list[tuple[Component, Component]]:
    """The upper and the lower of what may be halves of one digit."""
    left, top, right, bottom = np.array([one.box for one in found], np.float64).reshape(-1, 4).T
    both = np.add.outer(bottom - top, bottom - top)
    gap = np.subtract.outer(top, bottom).T  # from the bottom of one to the top of another
    shared = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    is_above = (gap <= GAP * both) & (gap >= -OVER * both)
    is_above &= shared > SHARED * np.minimum.outer(right - left, right - left)
    is_above &= np.minimum.outer(bottom - top, bottom - top) >= ALIKE * np.maximum.outer(bottom - top, bottom - top)
    return [(found[upper], found[lower]) for upper, lower in np.argwhere(is_above).tolist() if upper != lower]


def _stand_alone(upper: Component, lower: Component, found: list[Component]) -> bool:
    """Whether nothing but specks is beside these two, nor next above or below, as in a column of digits."""
    box = box_around([upper.box, lower.box])
    beside, next_to = round(BESIDE * box.height), round(NEXT * box.height)
    around = Box(box.left - beside, box.top - next_to, box.right + beside, box.bottom + next_to)
    least = ALIKE * max(upper.box.height, lower.box.height)
    others = (one.box for one in found if one not in (upper, lower) and one.box.height >= least)
    return not any(around.meets(other) for other in others)
