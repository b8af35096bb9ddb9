"""What a user of pyvips would write to run a batch: a pool of processes, one thread of libvips each.

usage: pyvips_pool.py thumbnail|invert OUT INPUT...
"""
import multiprocessing
import os
import sys

os.environ.setdefault("VIPS_CONCURRENCY", "1")
import pyvips  # noqa: E402  (reads the variable)


def thumbnail(task):
    source, target = task
    pyvips.Image.thumbnail(source, 256).write_to_file(target)


def invert(task):
    source, target = task
    pyvips.Image.new_from_file(source, access="sequential").invert().write_to_file(target)


if __name__ == "__main__":
    job, out, *inputs = sys.argv[1:]
    if len(inputs) == 1 and os.path.isdir(inputs[0]):
        inputs = [os.path.join(inputs[0], name) for name in sorted(os.listdir(inputs[0]))]
    os.makedirs(out, exist_ok=True)
    tasks = [(path, os.path.join(out, os.path.basename(path))) for path in inputs]
    with multiprocessing.Pool() as pool:
        for _ in pool.imap_unordered({"thumbnail": thumbnail, "invert": invert}[job], tasks, chunksize=4):
            pass
