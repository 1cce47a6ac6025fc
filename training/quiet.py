"""Keeps TensorFlow's chatter off the terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_stderr_off() -> Iterator[None]:
    """Discard what C++ writes to file descriptor 2; exceptions come through all the same.

    TensorFlow logs its greeting there before any setting of its own counts: TF_CPP_MIN_LOG_LEVEL is without effect
    since 2.19 (tensorflow/tensorflow#100442).
    """
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)


def import_keras() -> None:
    """Import Keras and wake its backend's devices without the greetings."""
    with native_stderr_off():
        import keras

        keras.ops.zeros(1)
