"""A pool of rendered pictures in memory-mapped files, renewed by a worker process while training reads from it.

Rendering a picture costs about as much as training on it, so each is used a few times (mirrored, recoloured, with other
objects and prompts). A slot may be rewritten while it is read; one torn picture in thousands does no harm.
"""

import multiprocessing
import os
import pathlib
import pickle
import time

import numpy as np

import sources
from composites import Renderer


def load_sources(data):
    """Training stamps, clip art and backgrounds, kept in DATA/cutouts.pickle after the first time."""
    cache = pathlib.Path(data) / "cutouts.pickle"
    if not cache.exists():
        lists = (*sources.cutouts(data, held_out=False), sources.backgrounds(data, held_out=False))
        cache.write_bytes(pickle.dumps(lists))
        print("cut-outs", len(lists[0]), len(lists[1]), "backgrounds", len(lists[2]), flush=True)
    return pickle.loads(cache.read_bytes())


def open_maps(directory, slots, size, mode):
    """images [slots, S, S, 3], maps [slots, 2, S, S] (objects, parts), and how many pictures were rendered so far [1]."""
    shapes = {"images": (slots, size, size, 3), "maps": (slots, 2, size, size), "rendered": (1,)}
    types = {"rendered": np.int64}
    return [np.lib.format.open_memmap(directory / f"{n}.npy", mode, types.get(n, np.uint8), s) for n, s in shapes.items()]


def work(data, directory, slots, size, used, reuse, seed):
    os.nice(19)
    renderer = Renderer(*load_sources(data), size=size, extents=(0.1, 0.95))
    images, maps, rendered = open_maps(directory, slots, size, "r+")
    rng = np.random.default_rng(seed)
    start = max(slots, rendered[0])
    while True:
        number = rendered[0]
        if number >= slots and number - start > used.value / reuse:
            time.sleep(0.2)
            continue
        image, labels, parts = renderer.scene(rng)
        images[number % slots], maps[number % slots] = image, (labels, parts)
        rendered[0] = number + 1


class Pool:
    """`batch` gives pictures [B, S, S, 3] and label maps [B, 2, S, S] from what is rendered so far.

    reuse: pictures used for each one rendered. Of several training processes the one that leads has the worker. A pool
    left by an earlier run, of the same size, is used at once.
    """

    def __init__(self, data, directory, size, slots=3072, reuse=4, lead=True):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.slots, self.pids, self.worker = slots, [], None
        last = directory / "rendered.npy"
        if lead and not last.exists():
            open_maps(directory, slots, size, "w+")
        while not last.exists():
            time.sleep(1)
        self.images, self.maps, self.rendered = open_maps(directory, slots, size, "r+")
        if not lead:
            return
        context = multiprocessing.get_context("spawn")
        self.used = context.Value("q", 0)
        arguments = (data, directory, slots, size, self.used, reuse, int(time.time()))
        self.worker = context.Process(target=work, args=arguments, daemon=True)
        self.worker.start()
        self.pids.append(self.worker.pid)

    def batch(self, count, rng):
        while (available := min(self.rendered[0], self.slots)) < 512:
            assert self.worker is None or self.worker.is_alive(), "the rendering process died"
            time.sleep(0.5)
        slots = rng.integers(0, available, count)
        if self.worker is not None:
            self.used.value += count
        return self.images[slots], self.maps[slots]
