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
    """A run folder lacks what a run leaves behind."""


class ParityError(TrainingError):
    """ONNX Runtime does not answer as Keras does, so the model must not be written."""
