"""Draws what a checkpoint answers: `python overlays.py --data DIR MODEL OUT.png`.

Two rows for each picture, photographs first: the answer to one click and the answer to a box. Blue: the mask; green: the
truth's outline; white: the prompt. In the corner the predicted score and the true IoU.
"""

import argparse

import cv2
import numpy as np
import torch

import evaluate
import model
import prompts


def draw(image, mask, truth, text, dots=(), corners=None):
    """RGB picture → BGR tile."""
    tile = image[..., ::-1].copy()
    tile[mask] = tile[mask] * 0.45 + np.array([255, 90, 0]) * 0.55
    outlines, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(tile, outlines, -1, (0, 220, 0), 1)
    for x, y in dots:
        cv2.circle(tile, (int(x), int(y)), 4, (255, 255, 255), -1)
        cv2.circle(tile, (int(x), int(y)), 2, (0, 0, 255), -1)
    if corners is not None:
        cv2.rectangle(tile, *[[int(v) for v in corner] for corner in corners], (255, 255, 255), 1)
    cv2.rectangle(tile, (0, 0), (78, 15), (0, 0, 0), -1)
    cv2.putText(tile, text, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


@torch.no_grad()
def column(net, image, mask, rng):
    ask, masks = evaluate.Asker(net, image), mask[None]
    points, labels = prompts.first_prompts(masks, np.zeros(1, bool), rng)
    guesses, scores, _ = ask(points, labels)
    best = scores[0, 1:].argmax() + 1
    text = f"{scores[0, best]:.2f} / {evaluate.overlap(guesses[0, best], mask):.2f}"
    first = draw(image, guesses[0, best], mask, text, dots=points[0, :1])
    corners = prompts.box(mask, rng, 0)
    guesses, scores, _ = ask(corners[None], np.array([[2, 3]]))
    text = f"{scores[0, 0]:.2f} / {evaluate.overlap(guesses[0, 0], mask):.2f}"
    return np.vstack([first, draw(image, guesses[0, 0], mask, text, corners=corners)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--columns", type=int, default=9)
    parser.add_argument("model")
    parser.add_argument("out")
    options = parser.parse_args()
    net, rng, tiles = model.load(options.model), np.random.default_rng(5), []
    for _, image, masks in evaluate.photographs(options.data, net.size):
        tiles += [column(net, image, mask, rng) for mask in masks[:3]]
    for _, image, masks in evaluate.composites(options.data, net.size, options.columns, seed=7):
        tiles.append(column(net, image, masks[len(masks) // 2], rng))
    while len(tiles) % options.columns:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[i : i + options.columns]) for i in range(0, len(tiles), options.columns)]
    cv2.imwrite(options.out, np.vstack(rows))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
