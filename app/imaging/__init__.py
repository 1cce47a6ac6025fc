"""Bytes -> pixels -> the frame frame that the model was trained on. Knows no HTTP."""

import cv2

cv2.setNumThreads(1)  # requests are what runs side by side
