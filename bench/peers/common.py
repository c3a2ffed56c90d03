"""What the peers in Python share: their options, MNIST, and the line of JSON that they print."""

import argparse
import json
import math
import resource
import struct
import sys


def options(description, mnist=True):
    """A parser with the options that the benchmark passes to every peer."""
    parser = argparse.ArgumentParser(description=description)
    if mnist:
        from pathlib import Path

        parser.add_argument("folder", type=Path, help="where train-images-idx3-ubyte and t10k-images-idx3-ubyte lie")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5, help="how often to measure: epochs, if those are measured")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def read_images(folder, part):
    """MNIST's images, `part` "train" or "t10k", as bytes [count, pixels]."""
    import numpy as np

    content = (folder / f"{part}-images-idx3-ubyte").read_bytes()
    magic, count, height, width = struct.unpack(">4I", content[:16])
    assert magic == 0x803, folder
    return np.frombuffer(content, dtype=np.uint8, offset=16).reshape(count, height * width).copy()


def report(peer, threads, samples, **more):
    """Prints the line. `samples`: seconds of what is measured, one a repeat. Losses must be finite."""
    assert all(math.isfinite(value) for value in more.values() if isinstance(value, float)), more
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    megabytes = used / 2**20 if sys.platform == "darwin" else used / 2**10
    print(json.dumps({"peer": peer, "threads": threads, "samples": samples, "megabytes": megabytes, **more}))
