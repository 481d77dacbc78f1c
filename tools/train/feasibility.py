"""The held-out set that the model's targets were set on: `python feasibility.py --data DIR MODEL...` prints one line for each.

It is the evaluation of the first, small experiment (a model at 256 pixels, before this pipeline), kept for its figures to
be compared with: fewer small things and no parts, camouflage or padding. 240 pictures of held-out cut-outs over held-out
backgrounds, rendered at each model's own size; up to five objects of each, a click and a box on every one.
"""

import argparse
import pathlib
import random

import cv2
import numpy as np
import torch

import model
from prompts import click
from sources import HELD_OUT_BACKGROUNDS, read_cutout
from textures import blob, clouds, crop, gradient, grain, lines

PICTURES = 240
CUTOUT_SIDE, BACKGROUND_SIDE, BLOB_SIDE = 256, 480, 128
AREAS = (0, 0.01, 0.03, 0.1, 1)
SURFACES = (gradient, clouds, grain, lines)


def cutouts(data):
    """Stamps and clip art, BGRA, of the files that `sources.cutouts` holds out."""
    shuffle, lists = random.Random(0), []
    for package in ("tuxpaint-stamps-default", "openclipart-png"):
        files = sorted(str(path) for path in (pathlib.Path(data) / package).rglob("*.png"))
        shuffle.shuffle(files)
        found = (read_cutout(path, CUTOUT_SIDE) for path in files[:80])
        lists.append([image for image in found if image is not None])
    return lists


def backgrounds(data):
    """The held-out backgrounds, BGR; of one that is there in several resolutions, one."""
    images = []
    for end in HELD_OUT_BACKGROUNDS:
        if "_3840x" in end or "_5640x" in end:
            continue
        image = cv2.imread(str(next(pathlib.Path(data).rglob(end))))
        scale = BACKGROUND_SIDE / min(image.shape[:2])
        images.append(image if scale >= 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return images


class Scenes:
    def __init__(self, stamps, clip_art, backgrounds, size):
        self.stamps, self.clip_art, self.backgrounds, self.size = stamps, clip_art, backgrounds, size

    def surface(self, rng, side, photo):
        return crop(self.backgrounds, side, rng) if rng.random() < photo else SURFACES[rng.integers(4)](side, rng)

    def cutout(self, rng):
        kind = rng.random()
        if kind < 0.2:
            mask = blob(BLOB_SIDE, rng)
            return np.dstack([self.surface(rng, BLOB_SIDE, 0.6), mask])
        pool = self.stamps if kind < 0.62 else self.clip_art
        image = pool[rng.integers(len(pool))]
        if rng.random() < 0.12:
            height, width = image.shape[:2]
            image = np.dstack([crop(self.backgrounds, max(height, width), rng)[:height, :width], image[..., 3]])
        return image

    def place(self, image, rng):
        """A cut-out turned, scaled and moved: premultiplied colour and alpha [S, S, 4]."""
        size, (height, width) = self.size, image.shape[:2]
        scale = size * np.exp(rng.uniform(np.log(0.1), np.log(0.85))) / max(height, width)
        angle = rng.normal(0, 25) if rng.random() < 0.7 else rng.uniform(0, 360)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
        if rng.random() < 0.5:
            matrix = matrix @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1.0]])
        centre = rng.uniform(0.05 * size, 0.95 * size, 2)
        matrix[:, 2] += centre - (matrix[:, :2] @ np.array([width / 2, height / 2]) + matrix[:, 2])
        alpha = image[..., 3:].astype(np.float32) / 255
        layer = np.dstack([image[..., :3] * alpha, alpha])
        if scale < 0.7:
            layer = cv2.GaussianBlur(layer, (0, 0), 0.4 / scale)
        return cv2.warpAffine(layer, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=0)

    def scene(self, rng):
        """An RGB picture [S, S, 3] and the number of the object at every pixel [S, S]; 0: background."""
        size = self.size
        image = self.surface(rng, size, 0.75).astype(np.float32)
        labels = np.zeros((size, size), np.int32)
        for number in range(1, int(rng.integers(2, 8)) + 1):
            layer = self.place(self.cutout(rng), rng)
            alpha = layer[..., 3:]
            colour = layer[..., :3] * rng.uniform(0.65, 1.3) + rng.normal(0, 12, 3) * alpha
            if rng.random() < 0.25:
                dx, dy = rng.normal(0, size * 0.02, 2)
                moved = cv2.warpAffine(alpha[..., 0], np.float32([[1, 0, dx], [0, 1, dy]]), (size, size))
                image *= 1 - rng.uniform(0.2, 0.6) * cv2.GaussianBlur(moved, (0, 0), rng.uniform(2, 6))[..., None]
            image = np.clip(image * (1 - alpha) + colour, 0, 255)
            labels[alpha[..., 0] > 0.5] = number
        if rng.random() < 0.4:
            image = np.clip(image * rng.uniform(0.7, 1.25) + rng.normal(0, 10), 0, 255)
        if rng.random() < 0.3:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.0))
        if rng.random() < 0.4:
            image = np.clip(image + rng.normal(0, rng.uniform(1, 8), image.shape), 0, 255)
        image = image.astype(np.uint8)
        if rng.random() < 0.3:
            _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))])
            image = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        return image[..., ::-1].copy(), labels

    def asked(self, rng):
        """A picture and the masks [P, S, S] of at most five of its objects, none tiny or nearly everything."""
        while True:
            image, labels = self.scene(rng)
            numbers = [n for n in np.unique(labels) if n > 0 and 0.003 < (labels == n).mean() < 0.75]
            if numbers:
                rng.shuffle(numbers)
                return image, np.stack([labels == n for n in numbers[:5]])


def corners(mask, rng):
    """A mask's bounding box, each side moved by some 5 % of its length, at most 12 pixels of 256."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    sides = np.array([columns[0], rows[0], columns[-1], rows[-1]], float)
    most = 12 * len(mask) / 256
    length = np.array([sides[2] - sides[0], sides[3] - sides[1]] * 2)
    return (sides + np.clip(rng.normal(0, 0.05, 4) * length, -most, most)).reshape(2, 2)


@torch.no_grad()
def measure(net, held_out):
    scenes, rows = Scenes(*held_out, net.size), []
    for number in range(PICTURES):
        rng = np.random.default_rng([999, number])
        image, masks = scenes.asked(rng)
        embedding = net.encode(torch.from_numpy(image).permute(2, 0, 1)[None].float())
        owner, every = torch.zeros(len(masks), dtype=torch.long), torch.arange(len(masks))
        truth = torch.from_numpy(masks)[:, None]

        def ask(points, labels):
            points = torch.tensor(np.array(points), dtype=torch.float32)
            logits, scores = net.decode(embedding, owner, points, torch.tensor([labels] * len(masks)))
            guess = net.full_size(logits) > 0
            return (guess & truth).sum((2, 3)) / ((guess | truth).sum((2, 3)) + 1e-6), scores

        overlaps, scores = ask([[click(mask, rng), (-0.5, -0.5)] for mask in masks], (1, -1))
        boxed, _ = ask([corners(mask, rng) for mask in masks], (2, 3))
        shown = overlaps[every, scores[:, 1:].argmax(1) + 1]
        rows += zip(masks.mean((1, 2)), shown.tolist(), overlaps[:, 1:].amax(1).tolist(), boxed[:, 0].tolist())
    return np.array(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="where fetch.py unpacked the packages")
    parser.add_argument("models", nargs="+", help="as for evaluate.py")
    options = parser.parse_args()
    held_out = (*cutouts(options.data), backgrounds(options.data))
    shares = [f"{low:.0%}–{high:.0%}" for low, high in zip(AREAS, AREAS[1:])]
    print("| model | objects | 1 click, by score | best of 3 | box | " + " | ".join(f"{s}: click / box" for s in shares) + " |")
    print("|---" * (5 + len(shares)) + "|")
    for name in options.models:
        rows = measure(model.load(name), held_out)
        cells = [f"{mean:.3f}" for mean in rows[:, 1:].mean(0)]
        for low, high in zip(AREAS, AREAS[1:]):
            some = rows[(rows[:, 0] >= low) & (rows[:, 0] < high)]
            cells.append(f"{some[:, 1].mean():.3f} / {some[:, 3].mean():.3f} ({len(some)})")
        print(f"| {name} | {len(rows)} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
