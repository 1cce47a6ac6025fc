"""One model opened in ONNX Runtime, on the device that was asked for or not at all."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.errors import BundleError, StartError
from app.inference.contract import TensorSpec
from app.inference.cuda import Cuda, overheard

Device = Literal["auto", "cpu", "cuda"]
Tensors = tuple[NDArray[Any], ...]  # in the order of the model's inputs or outputs

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC"}  # exhaustive search repeats for every new batch shape
OPEN_FILES = Path("/proc/self/fd")  # of this process, on Linux
# One arena for all, and none for weights, which are as large as they are.
BOUNDED = "session.use_env_allocators", "session.use_device_allocator_for_initializers"
# The first bytes of an arena are kept, and small tensors are put there, so that what large ones took can be given back.
GROWTH = {"initial_chunk_size_bytes": 4 << 20, "max_power_of_two_extend_bytes": 16 << 20}
FATAL = 4  # of ONNX Runtime's severities: what is less is raised, and would fill the log on a caller's wish
_cuda = Cuda()  # of this process, and of those that are forked from it


class Session:
    """`run(inputs)` on one opened model. Thread-safe, as ONNX Runtime's own session is."""

    def __init__(
        self, model: bytes, *, device: Device = "cpu", intra_op_threads: int = 1, run_bytes: int | None = None
    ) -> None:
        """Open a verified model.

        `run_bytes`: of the CPU's memory, beside the weights, for all runs of this process' sessions that are so opened;
        a run that would take more raises. What is free after a run is given back, which costs some 2 %.
        On CUDA every run is padded to a power of two rows, so that cuDNN meets few shapes, each seen in the warm-up.
        Raises BundleError where ONNX Runtime cannot open it, StartError where `device` is "cuda" and CUDA does not work
        here.
        """
        options = _options(intra_op_threads)
        if run_bytes is not None:
            _bound(run_bytes)
            for key in BOUNDED:
                options.add_session_config_entry(key, "1")
        self._session = _open(model, device, options)
        self.provider: str = self._session.get_providers()[0]
        self.intra_op_threads = intra_op_threads
        self._padded = self.provider == CUDA
        self.inputs, self.outputs = (
            tuple(TensorSpec(value.name, value.type, tuple(value.shape)) for value in values)
            for values in (self._session.get_inputs(), self._session.get_outputs())
        )
        self._input_names = [spec.name for spec in self.inputs]
        self._output_names = [spec.name for spec in self.outputs]
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = FATAL
        if run_bytes is not None:
            self._options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(self, inputs: Tensors) -> Tensors:
        """All outputs for all inputs, which have the same number of rows. Raises whatever ONNX Runtime does."""
        if not self._padded:
            feeds = dict(zip(self._input_names, inputs, strict=True))
            return tuple(self._session.run(self._output_names, feeds, self._options))
        rows = len(inputs[0])
        feeds = dict(zip(self._input_names, map(padded, inputs), strict=True))
        return tuple(tensor[:rows] for tensor in self._session.run(self._output_names, feeds, self._options))


def padded(tensor: NDArray[Any]) -> NDArray[Any]:
    """With zeros at the end, up to the next power of two rows."""
    missing = (1 << (len(tensor) - 1).bit_length()) - len(tensor)
    return np.concatenate([tensor, np.zeros((missing, *tensor.shape[1:]), tensor.dtype)]) if missing else tensor


def _open(model: bytes, device: Device, options: Any) -> Any:
    if device == "cpu":
        return _create(model, [CPU], options)
    if CUDA not in onnxruntime.get_available_providers():
        if device == "cuda":
            raise StartError(
                "device cuda was asked for, but the installed ONNX Runtime has no CUDA provider "
                f"(it has {', '.join(onnxruntime.get_available_providers())}); "
                "install requirements/gpu.lock, or use --device cpu or auto"
            )
        return _create(model, [CPU], options)
    if _cuda.fault and device == "auto":
        return _create(model, [CPU], options)
    return _open_on_cuda(model, device, options)


def _open_on_cuda(model: bytes, device: Device, options: Any) -> Any:
    session = None
    with overheard() as said:
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # finds CUDA and cuDNN where pip installed them
        try:
            session = _create(model, [(CUDA, CUDA_OPTIONS), CPU], options)
        except BundleError as error:  # it falls back by itself where a library is missing, and not where the GPU is
            print(error)
    # ONNX Runtime falls back to the CPU in silence: only the session itself knows what it runs on.
    if session is not None and session.get_providers()[0] == CUDA:
        print(said.getvalue(), file=sys.stderr, end="")
        return session
    session = _create(model, [CPU], options)  # or else it is the model's fault
    _cuda.failed(said.getvalue())
    if device == "cuda":
        raise StartError(f"device cuda was asked for, but {_cuda.fault}, or use --device cpu or auto")
    _cuda.warn()
    return session


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads burn the core that the event loop needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


@lru_cache(1)  # another bound, as tests have, is for the sessions that are opened next
def _bound(run_bytes: int) -> None:
    """Let this process' sessions that share an arena, and are opened from now on, have so much."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    arena = onnxruntime.OrtArenaCfg({"max_mem": run_bytes, **GROWTH})
    onnxruntime.create_and_register_allocator(memory, arena)


def _create(model: bytes, providers: list[Any], options: Any) -> Any:
    try:
        with _as_file(model) as source:
            return onnxruntime.InferenceSession(source, options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions share no base below Exception
        raise BundleError(f"ONNX Runtime cannot open the model: {error}") from error


@contextmanager
def _as_file(model: bytes) -> Iterator[str | bytes]:
    """These very bytes by a path, where there are files in memory: while ONNX Runtime parses bytes it was handed, it
    lets no other thread run, event loops too, 0.5 ms a MB. A graph that names other files finds none beside this one.
    """
    if not hasattr(os, "memfd_create") or not OPEN_FILES.is_dir():
        yield model
        return
    with os.fdopen(os.memfd_create("model"), "wb") as file:
        file.write(model)
        file.flush()
        yield str(OPEN_FILES / str(file.fileno()))
