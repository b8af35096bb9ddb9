"""Weights files: an 8-byte length, a JSON header, the numbers (https://github.com/huggingface/safetensors)."""
import json
import os
import pathlib

import numpy as np
import torch


def write(path, tensors, metadata):
    """Writes tensors, as float32, and metadata (text to text); the file is whole or not there."""
    header, numbers, at = {"__metadata__": metadata}, [], 0
    for name, tensor in tensors.items():
        data = tensor.detach().cpu().contiguous().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        numbers.append(data)
        at += len(data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    part = pathlib.Path(f"{path}.part")
    with part.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(numbers))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read(path):
    """(tensors, metadata) of a file of float32 tensors."""
    data = pathlib.Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: {name} is {entry['dtype']}, not F32")
        first, last = entry["data_offsets"]
        tensors[name] = torch.from_numpy(np.frombuffer(body[first:last], "<f4").reshape(entry["shape"]).copy())
    return tensors, metadata
