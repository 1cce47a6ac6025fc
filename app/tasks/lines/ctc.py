"""What a line reader's columns say: texts, how likely each is, and where its characters stand.

A text is written once for all ways of spreading it over the columns: each character stands in one or several, with none
or several columns between that hold none, and one at least between two alike. Source: Graves et al., "Connectionist
Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural Networks", 2006; `likely_texts` as in
Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Columns = NDArray[np.float32]  # [columns, classes], probabilities; the first class is that of no character
Text = tuple[int, ...]  # of classes

NONE = 0
LEAST, FOLLOWED = 1e-3, 3  # of a column: classes below are not followed, nor more than so many
CERTAIN = 1 - 1e-4  # of no character
SMALLEST = 1e-30  # a probability, so that its logarithm is finite


def condensed(columns: Columns) -> tuple[Columns, NDArray[np.intp]]:
    """Most columns are certain to hold no character: of those in a row, one alone, for it says as much; and which of
    the columns these are.
    """
    certain = columns[:, NONE] >= CERTAIN
    kept = np.flatnonzero(~certain | ~np.append(False, certain[:-1]))
    return columns[kept], kept


def likely_texts(columns: Columns, best: int) -> list[Text]:
    """The most likely texts, about in that order, by a beam search; the empty one may be among them."""
    texts: dict[Text, tuple[float, float]] = {(): (1.0, 0.0)}  # how likely each ends in none, and in its last character
    width = 2 * best
    for row in columns.tolist():
        classes = sorted((one for one in range(1, len(row)) if row[one] > LEAST), key=lambda one: -row[one])[:FOLLOWED]
        after: dict[Text, tuple[float, float]] = {}
        for text, (ends_in_none, ends_in_last) in texts.items():
            whole = ends_in_none + ends_in_last
            none, last = after.get(text, (0.0, 0.0))
            after[text] = none + whole * row[NONE], last + (ends_in_last * row[text[-1]] if text else 0.0)
            for one in classes:
                longer = (*text, one)
                none, last = after.get(longer, (0.0, 0.0))
                parted = ends_in_none if text and text[-1] == one else whole
                after[longer] = none, last + parted * row[one]
        kept = sorted(after.items(), key=lambda item: -sum(item[1]))[:width]
        total = sum(sum(likely) for _, likely in kept)
        texts = {text: (none / total, last / total) for text, (none, last) in kept}
    return sorted(texts, key=lambda text: -sum(texts[text]))[:best]


def log_likelihoods(columns: Columns, texts: Sequence[Text]) -> list[float]:
    """Of each text."""
    states, may_skip = _states(texts)
    emitted = columns[:, states]  # [columns, texts, states]
    likely = np.zeros(states.shape)
    likely[:, 0] = 1
    so_far = np.zeros(len(texts))
    for place, row in enumerate(emitted):
        if place:
            moved = likely.copy()
            moved[:, 1:] += likely[:, :-1]
            moved[:, 2:] += likely[:, :-2] * may_skip
            likely = moved * row
        else:
            likely[:, 1:2] = 1
            likely = likely * row
        total = np.maximum(likely.sum(axis=1), SMALLEST)
        so_far += np.log(total)
        likely /= total[:, None]
    ends = [2 * len(text) for text in texts]
    last = [likely[one, max(0, end - 1) : end + 1].sum() for one, end in enumerate(ends)]
    whole: list[float] = (so_far + np.log(np.maximum(last, SMALLEST))).tolist()
    return whole


def spans(columns: Columns, text: Text) -> list[tuple[int, int]]:
    """The columns in which each character of a text stands, from the first up to, not including, the last, in the most
    likely of all ways of spreading it.
    """
    states, may_skip = _states([text])
    emitted = np.log(np.maximum(columns[:, states[0]], SMALLEST))
    likely = np.full(states.shape[1], -np.inf)
    likely[:2] = emitted[0, :2]
    came = np.zeros(emitted.shape, np.int64)  # by how many states each moved on
    skips = np.where(may_skip[0], 0, -np.inf)
    for place in range(1, len(columns)):
        ways = np.full((3, len(likely)), -np.inf)
        ways[0], ways[1, 1:], ways[2, 2:] = likely, likely[:-1], likely[:-2] + skips
        came[place] = ways.argmax(axis=0)
        likely = ways.max(axis=0) + emitted[place]
    state = len(likely) - 1 if len(likely) == 1 or likely[-1] > likely[-2] else len(likely) - 2
    path = []
    for moves in came[::-1]:
        path.append(state)
        state -= int(moves[state])
    stands = np.array(path[::-1])
    found: list[tuple[int, int]] = []
    for one in range(len(text)):
        own = np.flatnonzero(stands == 2 * one + 1)
        if not len(own):  # there is no way: too few columns
            own = np.array([min(found[-1][1] if found else 0, len(columns) - 1)])
        found.append((int(own[0]), int(own[-1]) + 1))
    return found


def _states(texts: Sequence[Text]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """For each text, the classes that columns go through, with that of no character around each, [texts, states]; and
    to which of them, from the third on, one may come without it. Shorter texts end in more of no character.
    """
    states = np.zeros((len(texts), 2 * max(map(len, texts), default=0) + 1), np.intp)
    for one, text in enumerate(texts):
        states[one, 1 : 2 * len(text) : 2] = text
    may_skip = (states[:, 2:] != NONE) & (states[:, 2:] != states[:, :-2])
    return states, may_skip
