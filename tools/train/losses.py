"""SAM's mask and score losses, with weights that a small model learns from (see README.md)."""

import torch
from torch.nn import functional as F

FOCAL, DICE, BCE, SCORE = 10.0, 1.5, 0.5, 1.0


def mask_losses(logits, truth):
    """logits [P, M, h, w], coverage [P, h, w] in 0–1 → loss and IoU of each mask [P, M]."""
    truth = truth[:, None].expand_as(logits)
    guess = logits.sigmoid()
    cross = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    right = guess * truth + (1 - guess) * (1 - truth)
    focal = (0.5 * (1 - right) ** 2 * cross).mean((2, 3))
    dice = 1 - (2 * (guess * truth).sum((2, 3)) + 1) / (guess.sum((2, 3)) + truth.sum((2, 3)) + 1)
    loss = FOCAL * focal + DICE * dice + BCE * cross.mean((2, 3))
    with torch.no_grad():
        chosen, wanted = (logits > 0).float(), (truth > 0.5).float()
        both = (chosen * wanted).sum((2, 3))
        iou = both / (chosen.sum((2, 3)) + wanted.sum((2, 3)) - both + 1e-6)
    return loss, iou


def round_loss(logits, scores, truth, ambiguous):
    """One round's loss and its masks' IoU [P, 4].

    ambiguous [P]: a single click, for which the best of masks 1–3 learns; all others teach mask 0, and masks 1–3 a little,
    since they may be asked for as well.
    """
    logits, scores = logits.float(), scores.float()
    losses, iou = mask_losses(logits, truth)
    single, best, mean = losses[:, 0], losses[:, 1:].amin(1), losses[:, 1:].mean(1)
    loss = torch.where(ambiguous, best + 0.05 * mean + 0.3 * single, single + 0.2 * best)
    return loss.mean() + SCORE * F.mse_loss(scores, iou), iou
