"""The constants of number reading, fitted to a digit model: a search for what reads the most pages whole.

Finding and scoring do not depend on them, so that is done once; only the beam is run anew for each trial. The search
goes on from the middle of its best trials, for the one best does not hold on other pages (docs/experiments, "whole
numbers").

Source: R. Rubinstein, "The cross-entropy method for combinatorial and continuous optimization", 1999.
"""

from collections.abc import Sequence
from dataclasses import asdict, astuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from app.tasks.digits.beam import NumberWeights
from training.lines.reading import Seen, share_whole

ROUNDS, TRIALS, BEST = 8, 24, 6  # of each round's trials, so many decide where the next one looks
SPREAD, LEAST_SPREAD = 0.35, 0.05  # standard deviation of a weight's logarithm, at first and later at least
DIGITS = 3  # that are kept of each weight


def fit(seen: Sequence[Seen], start: NumberWeights, seed: int) -> NumberWeights:
    """The weights that read about the most of these pages whole. They keep their signs."""
    random = np.random.default_rng(seed)
    first = np.array(astuple(start))
    middle, spread = np.zeros(len(first)), np.full(len(first), SPREAD)
    for _ in tqdm(range(ROUNDS), desc="fitting", leave=False, disable=None):
        tried = middle + spread * random.standard_normal((TRIALS, len(first)))
        whole = [share_whole(seen, _weights(first * np.exp(one))) for one in tried]
        best = tried[np.argsort(whole, kind="stable")[-BEST:]]
        middle, spread = best.mean(axis=0), np.maximum(best.std(axis=0), LEAST_SPREAD)
    return _weights(first * np.exp(middle))


def report(seen: Sequence[Seen], others: Sequence[Seen], start: NumberWeights, seed: int) -> str:
    """The weights that are fitted to pages, and how many of these and of other pages are read whole by them."""
    found = fit(seen, start, seed)
    parts = (("fitted to", seen), ("checked on", others))
    shares = [
        f"{what} {len(part)} pages: {share_whole(part, start):.1%} -> {share_whole(part, found):.1%} read whole"
        for what, part in parts
    ]
    return "\n".join([*(f"{name}={value}," for name, value in asdict(found).items()), *shares])


def _weights(values: NDArray[np.float64]) -> NumberWeights:
    return NumberWeights(*(float(f"{value:.{DIGITS}g}") for value in values))
