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
    """images [slots, S, S, 3] and maps [slots, 2, S, S] (objects, parts)."""
    shapes = {"images": (slots, size, size, 3), "maps": (slots, 2, size, size)}
    return [np.lib.format.open_memmap(directory / f"{n}.npy", mode, np.uint8, s) for n, s in shapes.items()]


def work(data, directory, slots, size, rendered, used, reuse, seed):
    os.nice(19)
    renderer = Renderer(*load_sources(data), size=size, extents=(0.13, 0.95))
    images, maps = open_maps(directory, slots, size, "r+")
    rng = np.random.default_rng(seed)
    while True:
        with rendered.get_lock():
            number = rendered.value
        if number >= slots and number - slots > used.value / reuse:
            time.sleep(0.2)
            continue
        image, labels, parts = renderer.scene(rng)
        images[number % slots], maps[number % slots] = image, (labels, parts)
        with rendered.get_lock():
            rendered.value = number + 1


class Pool:
    """`batch` gives pictures [B, S, S, 3] and label maps [B, 2, S, S] from what is rendered so far.

    reuse: pictures used for each one rendered. Of several training processes the one that leads has the worker; the
    others begin when the pool is full for the first time.
    """

    def __init__(self, data, directory, slots=4096, size=256, reuse=4, lead=True):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.slots, self.filled = slots, directory / "filled"
        context = multiprocessing.get_context("spawn")
        while not lead and not self.filled.exists():
            time.sleep(1)
        start = slots if self.filled.exists() else 0  # a pool left by an earlier run is used at once
        self.images, self.maps = open_maps(directory, slots, size, "r+" if start else "w+")
        self.rendered, self.used = context.Value("q", start), context.Value("q", 0)
        arguments = (data, directory, slots, size, self.rendered, self.used, reuse, int(time.time()))
        self.pids = []
        if not lead:
            return
        self.worker = context.Process(target=work, args=arguments, daemon=True)
        self.worker.start()
        self.pids.append(self.worker.pid)

    def batch(self, count, rng):
        while (available := min(self.rendered.value, self.slots)) < 512:
            assert self.worker.is_alive(), "the rendering process died"
            time.sleep(0.5)
        if available == self.slots:
            self.filled.touch()
        slots = rng.integers(0, available, count)
        self.used.value += count
        return self.images[slots], self.maps[slots]
