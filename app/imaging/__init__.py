"""Bytes -> pixels -> the frame that a model was trained on, by stages over one state. Knows no model and no transport.

decode:     containers, costs > decode
normalise:  shrink > sheet > channel > shades > polarity > light (colour) > separate > printed > removal > connect
            > largest > remains > soften > digit > doubt > judge > crop > fit > centre
numbers:    the same from sheet to soften, without largest > height > rows > pieces > candidates
They all work on a `picture`, made of arrays, boxes, components and lines. A module imports from those before it alone.
"""

import cv2

cv2.setNumThreads(1)  # requests are what runs side by side
