"""A trained network as a file: read in float32, and packed for a bundle."""

import tempfile
from pathlib import Path

import keras

from training.errors import RunError
from training.quiet import native_stderr_off


def load(path: Path) -> keras.Model:
    """Raises RunError where it cannot be read."""
    try:
        with native_stderr_off():  # where TensorFlow says what this processor cannot do in 16 bits
            return _as(keras.models.load_model(path, compile=False), "float32")
    except Exception as error:  # zipfile's, h5py's and Keras' own share no base below Exception
        raise RunError(f"{path}: not a network that this version of Keras can read: {error}") from error


def pack(network: keras.Model) -> bytes:
    """With weights in 16 bits: half the size, and what is rounded off is far less than a step of training changes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        with native_stderr_off():
            _as(network, "float16").save(path)
        return path.read_bytes()


def _as(network: keras.Model, dtype: str) -> keras.Model:
    """The same network, whose layers compute in a dtype and hold their weights in it."""
    other = "float16" if dtype == "float32" else "float32"
    if all(weight.dtype == dtype for weight in network.weights):
        return network
    made = keras.models.model_from_json(network.to_json().replace(f'"{other}"', f'"{dtype}"'))
    made.set_weights(network.get_weights())
    return made
