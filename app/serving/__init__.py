"""The one way of every request: admission, preparation, batching, conclusion. Knows no transport and no picture."""
