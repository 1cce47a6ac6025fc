"""Makes digit classifiers: MNIST -> Keras -> ONNX -> a bundle that the service serves."""
