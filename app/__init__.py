"""The service: digit images in over HTTP, digits out of ONNX Runtime."""

import os

# A process that is to be forked has one thread only, and requests are what runs side by side. Read by NumPy's import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
