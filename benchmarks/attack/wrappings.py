"""What images come in: archives, forms, JSON and arrays; and such that hold none but cost a parser much."""

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

BOUNDARY = "x"


def shared_zip(payload: bytes, entries: int, *, packed: bool = True, name: bytes = b"a") -> bytes:
    """An archive in which every entry of the directory names the same bytes. Source: PKWARE's APPNOTE, 4.3."""
    data = _deflated(payload) if packed else payload
    common = struct.pack("<HHHHIII", 8 if packed else 0, 0, 0, 0, zlib.crc32(payload), len(data), len(payload))
    common = common[:2] + common[4:]  # method, time, date, checksum and sizes: no flags in between
    local = b"PK\x03\x04" + struct.pack("<HH", 20, 0) + common + struct.pack("<HH", len(name), 0) + name + data
    rest = struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0)
    directory = (b"PK\x01\x02" + struct.pack("<HHH", 20, 20, 0) + common + rest + name) * entries
    return local + directory + _end(entries, len(directory), len(local))


def separate_zip(payloads: list[bytes], *, packed: bool = True) -> bytes:
    """An honest archive."""
    locals_, directory, at = [], b"", 0
    for number, payload in enumerate(payloads):
        one = shared_zip(payload, 1, packed=packed, name=b"%d" % number)
        place = one.index(b"PK\x01\x02", 30)
        entry = one[place : place + 42] + struct.pack("<I", at) + b"%d" % number
        locals_.append(one[:place])
        directory += entry
        at += place
    return b"".join(locals_) + directory + _end(len(payloads), len(directory), at)


def _deflated(payload: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(payload) + packer.flush()


def _end(entries: int, size: int, at: int) -> bytes:
    count = min(entries, 0xFFFF)
    return b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, size, at, 0)


FORM_TRICKS = ("plain", "near boundaries", "headers", "long header", "empty parts", "long boundary", "dashes")


def form(field: str, payloads: list[bytes], trick: str, pieces: int) -> tuple[str, bytes]:
    """The boundary and the body."""
    boundary = "-" * 60 if trick in ("long boundary", "dashes") else BOUNDARY
    extra = b""
    if trick == "headers":
        extra = b"A: b\r\n" * pieces
    if trick == "long header":
        extra = b"A: " + b"b;" * pieces + b"\r\n"
    if trick == "near boundaries":
        payloads = [f"\r\n--{boundary[:-1]}".encode() * pieces, *payloads]
    if trick == "dashes":
        payloads = [b"\r\n" + b"-" * 4 * pieces]
    if trick == "empty parts":
        payloads = [b""] * pieces
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="a"\r\n'.encode()
    parts = b"".join(head + extra + b"\r\n" + payload + b"\r\n" for payload in payloads)
    return boundary, parts + f"--{boundary}--\r\n".encode()


def json_of_images(payloads: list[bytes]) -> bytes:
    texts = ",".join(f'"{base64.b64encode(payload).decode()}"' for payload in payloads)
    return f'{{"images":[{texts}]}}'.encode()


def json_of_image(payload: bytes) -> bytes:
    return f'{{"image":"{base64.b64encode(payload).decode()}"}}'.encode()


JSON_PIECES = {  # what is said again and again inside {"pixels":[ ... ]}
    "numbers": b"0,",
    "floats": b"1.5e2,",
    "long floats": b"0.1234567890123456789,",
    "big integers": b"9" * 18 + b",",
    "objects": b"{},",
    "arrays": b"[],",
    "brackets": b"[",
    "nested": b'{"a":[',
    "strings": b'"a",',
    "escapes": b'"\\u00e9\\n",',
    "surrogates": b'"\\ud83d\\ude00",',
    "nulls": b"null,",
    "booleans": b"true,",
    "rows": b"[" + b"0," * 27 + b"1],",
    "frames": b"[" + b",".join([b"[" + b",".join([b"0"] * 27 + [b"9"]) + b"]"] * 28) + b"],",
    "float frames": b"[" + b",".join([b"[" + b",".join([b".1e1".replace(b".", b"1.")] * 28) + b"]"] * 28) + b"],",
    "spaces": b"  \n",
    "keys": b"",
}


def json_pixels(shape: str, field: str, pieces: int) -> bytes:
    if shape == "keys":
        keys = ",".join(f'"{number}":0' for number in range(pieces))
        return f"{{{keys}}}".encode()
    said = (JSON_PIECES[shape] * pieces).rstrip(b",")
    return f'{{"{field}":['.encode() + said + b"]}"


NPY_HEADS = {
    "frames": "{'descr': '|u1', 'fortran_order': False, 'shape': (N, 28, 28)}",
    "floats": "{'descr': '>f8', 'fortran_order': True, 'shape': (N, 28, 28)}",
    "halves": "{'descr': '<f2', 'fortran_order': False, 'shape': (N, 28, 28)}",
    "nothing": "{'descr': '|u1', 'fortran_order': False, 'shape': (N, 0, 28, 28)}",
    "void": "{'descr': '|V0', 'fortran_order': False, 'shape': (N00000, 28, 28)}",
    "structure": "{'descr': [" + "('a', '|u1')," * 20 + "], 'fortran_order': False, 'shape': (N, 28, 28)}",
    "nested": "(" * 40 + ")" * 40,
    "long": "{'descr': '|u1', 'fortran_order': False, 'shape': (" + "1," * 4000 + ")}",
    "sum": "+".join(["1"] * 4000),
    "minus": "-" * 90 + "1",
}


def npy(head: str, items: int, pixels: bytes) -> bytes:
    text = NPY_HEADS[head].replace("N", str(items)).encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text) + 1) + text + b"\n" + pixels


def frames(items: int, seed: int) -> bytes:
    """`items` frames of 784 bytes, of noise or of one stroke."""
    pixels: NDArray[Any] = np.zeros((items, 28, 28), np.uint8)
    if seed % 2:
        pixels[:] = np.random.default_rng(seed).integers(0, 256, pixels.shape, np.uint8)
    else:
        pixels[:, 4:24, 13:15] = 255
    return pixels.tobytes()
