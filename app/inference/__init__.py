"""Bundles, ONNX Runtime sessions, the batcher and the models that are live. Knows no HTTP."""
