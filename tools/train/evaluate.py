"""Measures checkpoints on what training never saw: `python evaluate.py --data DIR MODEL...` prints a table.

MODEL is a burn-sam checkpoint (.safetensors) or a training state (last.pt: its averaged weights; last.pt:net: the others).
Two sets, both in the input frame of S×S pixels:

  composites   held-out cut-outs over held-out backgrounds, as training renders them, 4 objects each
  photographs  truth/*.json: polygons drawn by hand, or a threshold where that is certain

The prompts are seeded: every model gets the same. After the first click the answer shown is the candidate (masks 1–3) of
the best predicted score; for boxes and later clicks it is mask 0, with the answer before as mask prompt.
"""

import argparse
import importlib.util
import json
import pathlib

import cv2
import numpy as np
import torch

import model
import prompts
import sources
from composites import PADDING, Renderer

HERE = pathlib.Path(__file__).parent
CLICKS = 3  # random first clicks for each object of a photograph
COLUMNS = {
    "click": "1 click, by score",
    "best": "1 click, best of 3",
    "box": "box",
    "three": "3 clicks",
    "edge_click": "edge F, 1 click",
    "edge_box": "edge F, box",
    "calibration": "score error",
}


def composites(data, size, count, seed=1):
    """Pictures [S, S, 3] with their masks, from the held-out files."""
    renderer = Renderer(*sources.cutouts(data, held_out=True), sources.backgrounds(data, held_out=True), size=size)
    rng = np.random.default_rng(seed)
    while count > 0:
        image, labels, parts = renderer.scene(rng)
        masks = prompts.targets([(labels, parts)], 4, rng)
        if masks[0] is not None:
            count -= 1
            yield "composite", image, np.unique(np.stack(masks), axis=0)


def photograph(source, data):
    """The file that a truth names: "scikit-image: path", "scikit-learn: path" or "Debian PACKAGE: path"."""
    package, path = source.split(": ")
    if package.startswith("Debian "):
        return pathlib.Path(data) / package.removeprefix("Debian ") / path
    module, _, rest = path.partition("/")
    return pathlib.Path(importlib.util.find_spec(module).origin).parent / rest


def largest_filled(mask):
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    one = (labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    outlines, _ = cv2.findContours(one, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(one, outlines, -1, 1, cv2.FILLED)


def photographs(data, size):
    """Photographs scaled to S on the longest side and padded at the right and bottom, with their masks."""
    for file in sorted((HERE / "truth").glob("*.json")):
        truth = json.loads(file.read_text())
        image = cv2.imread(str(photograph(truth["image"], data)))
        height, width = image.shape[:2]
        assert [height, width] == truth["size"], file
        scale = size / max(height, width)
        shape = (int(width * scale + 0.5), int(height * scale + 0.5))
        padded = np.empty((size, size, 3), np.uint8)
        padded[:] = PADDING
        padded[: shape[1], : shape[0]] = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)[..., ::-1]
        masks = np.zeros((len(truth["objects"]), size, size), np.uint8)
        for mask, thing in zip(masks, truth["objects"]):
            if "threshold" in thing:
                full = largest_filled(image.mean(2) > thing["threshold"])
                mask[: shape[1], : shape[0]] = cv2.resize(full, shape, interpolation=cv2.INTER_AREA)
            for polygon in thing.get("polygons", []):
                corners = np.round((np.array(polygon) * scale - 0.5) * 16).astype(np.int32)
                cv2.fillPoly(mask, [corners], 1, shift=4)
            mask[shape[1] :], mask[:, shape[0] :] = 0, 0
        yield file.stem, padded, masks > 0


def overlap(guess, truth):
    """IoU of bool masks [..., S, S]."""
    return (guess & truth).sum((-2, -1)) / np.maximum((guess | truth).sum((-2, -1)), 1)


def edge_f(guess, truth, tolerance=2):
    """F measure of the masks' outlines: what share of each lies within `tolerance` pixels of the other."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * tolerance + 1, 2 * tolerance + 1))

    def outline(mask):
        mask = mask.astype(np.uint8)
        return mask - cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=1)

    first, second = outline(guess), outline(truth)
    if first.sum() == 0 or second.sum() == 0:
        return float(first.sum() == second.sum())
    precision = (first & cv2.dilate(second, kernel)).sum() / first.sum()
    recall = (second & cv2.dilate(first, kernel)).sum() / second.sum()
    return 2 * precision * recall / max(precision + recall, 1e-9)


class Asker:
    """Puts prompts to one picture's embedding."""

    def __init__(self, net, image):
        self.net = net
        self.embedding = net.encode(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float())

    def __call__(self, points, labels, previous=None):
        """→ masks bool [P, 4, S, S], scores [P, 4], logits [P, 4, S/4, S/4]."""
        owner = torch.zeros(len(points), dtype=torch.long)
        logits, scores = self.net.decode(
            self.embedding, owner, torch.from_numpy(points), torch.from_numpy(labels), previous
        )
        return (self.net.full_size(logits) > 0).numpy(), scores.numpy(), logits


@torch.no_grad()
def measure_picture(net, image, masks, rng, clicks, jitter):
    """One row of figures for each mask and click."""
    ask, rows = Asker(net, image), []
    masks = np.repeat(masks, clicks, axis=0)
    every = np.arange(len(masks))
    points, labels = prompts.first_prompts(masks, np.zeros(len(masks), bool), rng)
    guesses, scores, logits = ask(points, labels)
    ious = overlap(guesses, masks[:, None])
    chosen = scores[:, 1:].argmax(1) + 1
    shown, answer = guesses[every, chosen], logits[every, chosen][:, None]
    first = shown
    for _ in range(2):
        more, kinds = prompts.corrections(shown[:, ::2, ::2], masks, rng)
        points, labels = np.concatenate([more, points], 1), np.concatenate([kinds, labels], 1)
        guesses, _, logits = ask(points, labels, answer.clamp(-32, 32))
        shown, answer = guesses[:, 0], logits[:, :1]
    corners = np.stack([prompts.box(mask, rng, jitter) for mask in masks])
    boxed = ask(corners, np.tile([2, 3], (len(masks), 1)))[0][:, 0]
    for i, mask in enumerate(masks):
        rows.append(
            {
                "click": ious[i, chosen[i]],
                "best": ious[i, 1:].max(),
                "box": overlap(boxed[i], mask),
                "three": overlap(shown[i], mask),
                "edge_click": edge_f(first[i], mask),
                "edge_box": edge_f(boxed[i], mask),
                "calibration": abs(scores[i, chosen[i]] - ious[i, chosen[i]]),
                "score": scores[i, chosen[i]],
            }
        )
    return rows


def measure(net, pictures, clicks=1, jitter=0.05):
    """{picture: rows}; every picture has its own seed, so that its prompts do not depend on the others."""
    rows = {}
    for number, (name, image, masks) in enumerate(pictures):
        rng = np.random.default_rng([2, number])
        rows[f"{name} {number}"] = measure_picture(net, image, masks, rng, clicks, jitter)
    return rows


def summary(rows):
    """Mean over a set: of all objects."""
    flat = [row for several in rows.values() for row in several]
    return {key: float(np.mean([row[key] for row in flat])) for key in COLUMNS}, len(flat)


def calibration_bins(rows):
    """What was scored so was so: mean score, mean IoU and count, by fifths of the score."""
    flat = [row for several in rows.values() for row in several]
    bins = {}
    for row in flat:
        bins.setdefault(int(min(max(row["score"], 0), 0.999) * 5), []).append((row["score"], row["click"]))
    return {f"{k / 5:.1f}–{k / 5 + 0.2:.1f}": (*np.mean(bins[k], 0).round(3), len(bins[k])) for k in sorted(bins)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--composites", type=int, default=200, help="pictures in that set")
    parser.add_argument("--details", action="store_true", help="also each photograph, and the scores' calibration")
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    nets = {name: model.load(name) for name in options.models}
    size = next(iter(nets.values())).size
    sets = {
        "composites": (list(composites(options.data, size, options.composites)), 1, 0.05),
        "photographs": (list(photographs(options.data, size)), CLICKS, 0.0),
    }
    print("| set | model | " + " | ".join(COLUMNS.values()) + " | answers |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    details = []
    for title, (pictures, clicks, jitter) in sets.items():
        for name, net in nets.items():
            rows = measure(net, pictures, clicks, jitter)
            mean, count = summary(rows)
            print(f"| {title} | {name} | " + " | ".join(f"{mean[key]:.3f}" for key in COLUMNS) + f" | {count} |", flush=True)
            details.append(f"\n{title}, {name}: score → (mean score, mean IoU, count)\n{calibration_bins(rows)}")
            if title == "photographs":
                for picture, several in rows.items():
                    one, count = summary({picture: several})
                    details.append(f"{picture}: click {one['click']:.3f} best {one['best']:.3f} box {one['box']:.3f} three {one['three']:.3f} ({count})")
    if options.details:
        print("\n".join(details))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
