#!/usr/bin/env python3
"""A folder of pictures through one ONNX model with ONNX Runtime: the script that `Scripts/bench-networks` times Aquatint against.

usage: onnxruntime_folder.py MODEL.onnx OUT IMAGE...

What a user would write: pictures are decoded and encoded with Pillow, run whole, and the next one is decoded and the last one encoded while the model runs.
Models take and give [1, 3, H, W] (or one channel: the luma of YCbCr, chroma resized beside it), 0 for black and 1 for white.
"""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy
import onnxruntime
from PIL import Image


def decoded(path, channels):
    picture = Image.open(path).convert("RGB" if channels == 3 else "YCbCr")
    samples = numpy.asarray(picture, dtype=numpy.float32) / 255
    return path, picture, numpy.ascontiguousarray(samples[..., :channels].transpose(2, 0, 1)[None])


def encode(path, picture, result, folder):
    samples = numpy.clip(numpy.rint(result[0].transpose(1, 2, 0) * 255), 0, 255).astype(numpy.uint8)
    if samples.shape[2] == 1:
        _, cb, cr = picture.split()
        luma = Image.fromarray(samples[..., 0])
        made = Image.merge("YCbCr", (luma, cb.resize(luma.size, Image.BICUBIC), cr.resize(luma.size, Image.BICUBIC))).convert("RGB")
    else:
        made = Image.fromarray(samples)
    made.save(os.path.join(folder, os.path.splitext(os.path.basename(path))[0] + ".jpg"), quality=75)


def main(model, folder, *paths):
    os.makedirs(folder, exist_ok=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0]
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        coming, written = [reader.submit(decoded, paths[0], feed.shape[1])], []
        for index in range(len(paths)):
            path, picture, samples = coming.pop().result()
            if index + 1 < len(paths):
                coming.append(reader.submit(decoded, paths[index + 1], feed.shape[1]))
            result = session.run(None, {feed.name: samples})[0]
            written.append(writer.submit(encode, path, picture, result, folder))
        for one in written:
            one.result()


main(*sys.argv[1:])
