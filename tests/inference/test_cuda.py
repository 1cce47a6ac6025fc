"""What is told where CUDA does not work: one line, by one process, and why."""

import os
import sys

import pytest

from app.inference.cuda import Cuda, Told, overheard

# What onnxruntime-gpu 1.31 says without CUDA's libraries, and what it says of itself without a GPU.
NO_LIBRARY = (
    "Failed to load libcublasLt.so.13: libcublasLt.so.13: cannot open shared object file: No such file or directory\n"
    "Please follow https://onnxruntime.ai/docs/install/#cuda-and-cudnn to install CUDA."
    "\x1b[1;31m2026-11-27 00:35:01.746366827 [E:onnxruntime:Default, provider_bridge_ort.cc:2458 operator()] "
    "/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& "
    "onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library "
    "/venv/onnxruntime/capi/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object "
    "file: No such file or directory\n\x1b[m\n"
)
NO_GPU = "EP Error CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=a when using [...]\n"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (NO_LIBRARY, "libcublasLt.so.13: cannot open shared object file: No such file or directory"),
        (NO_GPU, "CUDA failure 100: no CUDA-capable device is detected"),
        ("", "does not say why"),
    ],
)
def test_the_reason_is_one_line(said: str, reason: str) -> None:
    cuda = Cuda()
    assert not cuda.fault
    cuda.failed(said)
    assert reason in cuda.fault
    assert "\n" not in cuda.fault


def test_one_of_all_processes_tells() -> None:
    told = Told()
    children = [os.fork() or os._exit(told.is_first()) for _ in range(3)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted([*codes, told.is_first(), told.is_first()]) == [False, False, False, False, True]


def test_what_libraries_write_is_overheard(capfd: pytest.CaptureFixture[str]) -> None:
    with overheard() as said:
        os.write(2, b"by a library in C\n")
        print("by a library in Python")
        print("and its error", file=sys.stderr)
    assert sorted(said.getvalue().split("\n")) == ["", "and its error", "by a library in C", "by a library in Python"]
    print("afterwards", file=sys.stderr)
    assert capfd.readouterr() == ("", "afterwards\n")
