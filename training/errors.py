"""What can go wrong in training, as one tree: the command line shows the message alone, without a traceback."""


class TrainingError(Exception):
    """Something that the person at the command line can put right; the message says what."""


class DataError(TrainingError):
    """MNIST is missing, damaged or not what its digest says."""


class UnknownArchitecture(TrainingError):
    """No architecture of that name is in the registry."""


class BadOption(TrainingError):
    """An option is not what it must be."""


class RunError(TrainingError):
    """A run's folder or a study's file cannot be made, or lacks what it must hold."""


class ParityError(TrainingError):
    """ONNX Runtime does not answer as Keras does, so the model must not be written."""


class ImagesError(TrainingError):
    """A user's images are too few, or not laid out in folders 0 to 9."""


class NoNetwork(TrainingError):
    """A bundle lacks its Keras network, so that it can be served but not trained."""


class Forgotten(TrainingError):
    """A fine-tuned network reads MNIST worse than it may."""


class DemoError(TrainingError):
    """The demonstration's service cannot be started."""
