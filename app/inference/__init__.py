"""Bundles, ONNX Runtime sessions, the batcher and the models that are live. Knows no HTTP."""

import os

# ONNX Runtime 1.29 and later report to their maker unless told not to before they are imported
# (microsoft/onnxruntime#27379). Nothing leaves this service but answers; who wants to report sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
