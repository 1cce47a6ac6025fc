"""Any ONNX model: named tensors in, named tensors out."""
