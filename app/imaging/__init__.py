"""Bytes -> pixels -> the 28x28 frame that the model was trained on. Knows no HTTP."""
