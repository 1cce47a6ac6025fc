"""The service: digit images in over HTTP, digits out of ONNX Runtime."""
