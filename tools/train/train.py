"""Trains the small SAM by the wall clock. On a GPU: `python train.py --data DIR --out DIR --minutes 30`; on two cores:

    torchrun --nproc-per-node 2 train.py --data DIR --out DIR --until 22:25 --init tiny.safetensors

Each picture is encoded once and answers several prompts, each in two or three rounds: a click or a box, then clicks where
the answer is most wrong, with the answer's logits as mask prompt. bf16 and compiled graphs are nine times as fast as the
plain modules on a processor with AVX-512 BF16. On a CPU, one process with one thread per core: threads of one process wait
for one another at each of thousands of small kernels, processes only once per step. `--resume` goes on from OUT/last.pt.
"""

import argparse
import copy
import csv
import datetime
import math
import os
import pathlib
import time

import numpy as np
import torch
import torch.distributed
from torch.nn import functional as F

import model
import prompts
from losses import round_loss
from pool import Pool

def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="where fetch.py unpacked the packages")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--init", help="a checkpoint to start from (safetensors), of any input size")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--until", help="HH:MM (UTC) at which the learning rate reaches its end and training stops")
    parser.add_argument("--minutes", type=float, help="instead of --until")
    parser.add_argument("--batch", type=int, default=8, help="pictures per step and process")
    parser.add_argument("--prompts", type=int, default=4, help="objects per picture")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=100, help="steps of rising learning rate")
    parser.add_argument("--reuse", type=float, default=4, help="how often a rendered picture is used")
    return parser.parse_args()


def end_time(options):
    if options.minutes:
        return time.time() + 60 * options.minutes
    hour, minute = map(int, options.until.split(":"))
    end = datetime.datetime.now(datetime.timezone.utc).replace(hour=hour, minute=minute, second=0)
    return end.timestamp()


class Hints(torch.nn.Module):
    """Where objects are and where they end, from the embedding alone: teaches the encoder with every pixel.

    Only used in training: it makes each picture say more than the few masks that are asked for.
    """

    def __init__(self, dim):
        super().__init__()
        self.head = torch.nn.Conv2d(dim, 32, 1)

    def forward(self, embedding, maps):
        """embedding [B, D, S/16, S/16], label maps [B, 2, S, S] → loss."""
        guess = F.pixel_shuffle(self.head(embedding), 4).float()
        one = (maps[:, 0].float() * 64 + maps[:, 1].float())[:, None]
        edges = F.max_pool2d((F.max_pool2d(one, 2, 1) != -F.max_pool2d(-one, 2, 1)).float(), 4, 4, ceil_mode=True)
        inside = F.avg_pool2d((maps[:, :1] > 0).float(), 4)
        return F.binary_cross_entropy_with_logits(guess, torch.cat([edges, inside], 1))


class Trainer:
    def __init__(self, options):
        self.options = options
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        torch.manual_seed(time.time_ns() + self.rank)
        self.rng = np.random.default_rng([time.time_ns(), self.rank])
        if self.world > 1:
            torch.distributed.init_process_group("gloo", timeout=datetime.timedelta(hours=2))
        self.net = (model.load(options.init, model.CONFIG) if options.init else model.TinySam()).to(self.device).train()
        self.net.image_encoder.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net)
        self.hints = Hints(self.net.config["decoder"]["dim"]).to(self.device)
        self.optimizers = self.make_optimizers()
        self.step, self.pictures, self.seconds = 0, 0, 0.0
        self.begin, self.end = time.time(), end_time(options)
        self.encode = torch.compile(self.net.encode, dynamic=False)
        self.decode = torch.compile(self.decode_round, dynamic=False)
        self.loss = torch.compile(round_loss, dynamic=False)

    def make_optimizers(self):
        """Muon (https://kellerjordan.github.io/posts/muon/) for the matrices of linear layers, AdamW for the rest."""
        matrices, convolutions, others = [], [], []
        for name, parameter in [*self.net.named_parameters(), *self.hints.named_parameters()]:
            table = any(part in name for part in ("_embed", "embeddings", "token", "attention_biases"))
            if parameter.ndim == 2 and not table:
                matrices.append(parameter)
            else:
                (convolutions if parameter.ndim == 4 else others).append(parameter)
        rate = self.options.rate
        groups = [{"params": convolutions, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
        optimizers = [
            torch.optim.Muon(matrices, lr=1.5 * rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True),
        ]
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["initial_lr"] = group["lr"]
        return optimizers

    def parameters(self):
        return [*self.net.parameters(), *self.hints.parameters()]

    def decode_round(self, embedding, owner, points, labels, previous=None, use=None):
        """`TinySam.decode`, the previous answer given only where `use` [P]."""
        if previous is None:
            return self.net.decode(embedding, owner, points, labels)
        encoder = self.net.prompt_encoder
        dense = torch.where(
            use[:, None, None, None],
            encoder.mask_downscaling(previous),
            encoder.no_mask_embed.weight[:, :, None, None].to(embedding.dtype),
        )
        return self.net.decode(embedding, owner, points, labels, dense=dense)

    def rate(self):
        """Share of the peak learning rate: cosine over the wall clock, after a warm-up; a pause only skips a part."""
        done = min(1.0, (time.time() - self.begin) / (self.end - self.begin))
        warm = min(1.0, (self.step + 1) / self.options.warmup)
        return warm * max(0.01, 0.5 + 0.5 * math.cos(math.pi * done))

    def batch(self, pool):
        """Pictures [B, 3, S, S], the masks of P = B · prompts targets, and the label maps [B, 2, S, S]."""
        count = self.options.prompts
        images, maps = pool.batch(self.options.batch, self.rng)
        masks = prompts.targets(maps, count, self.rng, smallest=0.003)
        for i in range(self.options.batch):  # a picture without an object: take another's place
            if masks[i * count] is None:
                j = next(j for j in range(self.options.batch) if masks[j * count] is not None)
                images[i], maps[i], masks[i * count : (i + 1) * count] = images[j], maps[j], masks[j * count : (j + 1) * count]
        masks = np.stack(masks)
        for i in np.flatnonzero(self.rng.random(len(images)) < 0.5):
            images[i], maps[i] = images[i, :, ::-1], maps[i, :, :, ::-1]
            masks[i * count : (i + 1) * count] = masks[i * count : (i + 1) * count, :, ::-1]
        images = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        gain = torch.from_numpy(self.rng.normal(1, 0.1, (len(images), 3, 1, 1)).astype(np.float32))
        offset = torch.from_numpy(self.rng.normal(0, 8, (len(images), 3, 1, 1)).astype(np.float32))
        padding = (images == torch.tensor([124.0, 116.0, 104.0]).view(1, 3, 1, 1)).all(1, keepdim=True)
        images = torch.where(padding, images, (images * gain + offset).clamp(0, 255))
        return images.contiguous(memory_format=torch.channels_last), masks, torch.from_numpy(maps)

    def train_step(self, pool):
        options, device = self.options, self.device
        images, masks, maps = self.batch(pool)
        truth = torch.from_numpy(masks).float()[:, None]
        truth = F.avg_pool2d(truth, 4)[:, 0].to(device)
        owner = torch.arange(options.batch, device=device).repeat_interleave(options.prompts)
        with_box = self.rng.random(len(masks)) < 0.6
        points, labels = prompts.first_prompts(masks, with_box, self.rng)
        ambiguous = torch.from_numpy(~with_box).to(device)
        rows = torch.arange(len(masks), device=device)
        previous = use = None
        report = {}
        with torch.autocast(device.type, torch.bfloat16):
            embedding = self.encode(images.to(device))
            hint = self.hints(embedding, maps.to(device))
        rounds = (2, 1, 3, 1, 2, 1)[self.step % 6]  # a third round teaches less than new pictures do
        total = hint
        for turn in range(rounds):
            given = torch.from_numpy(points).to(device), torch.from_numpy(labels).to(device)
            with torch.autocast(device.type, torch.bfloat16):
                logits, scores = self.decode(embedding, owner, *given, previous, use)
            loss, iou = self.loss(logits, scores, truth, ambiguous)
            total = total + loss
            with torch.no_grad():  # what a user would see: the best score after one click, else mask 0
                by_score = scores[:, 1:].argmax(1) + 1
                shown = torch.where(ambiguous, by_score, 0)
                report[turn] = (iou[rows, shown].cpu().numpy(), iou[:, 1:].amax(1).cpu().numpy())
                if turn + 1 == rounds:
                    break
                best = torch.where(ambiguous, iou[:, 1:].argmax(1) + 1, 0)
                keep = torch.where(torch.rand(len(rows), device=device) < 0.5, best, shown)
                answer = logits[rows, keep].float()[:, None].clamp(-32, 32)
                guess = F.interpolate(answer, scale_factor=2, mode="bilinear", align_corners=False)[:, 0] > 0
                more, kinds = prompts.corrections(guess.cpu().numpy(), masks, self.rng)
                # Clicks come first; the last two columns are a box, or a click and the padding.
                points, labels = np.concatenate([more, points], 1), np.concatenate([kinds, labels], 1)
                previous, use = answer, torch.rand(len(rows), device=device) < 0.8
                ambiguous = torch.zeros_like(ambiguous)
        for parameter in self.parameters():
            parameter.grad = None
        total.backward()
        self.share_gradients()
        torch.nn.utils.clip_grad_norm_(self.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate() * group["initial_lr"]
            optimizer.step()
        self.step += 1
        self.pictures += options.batch * self.world
        self.update_average()
        return {
            "loss": total.item(),
            "hint": hint.item(),
            "click": report[0][0][~with_box].mean(),
            "click_best": report[0][1][~with_box].mean(),
            "box": report[0][0][with_box].mean() if with_box.any() else np.nan,
            "round_2": report[1][0].mean() if 1 in report else np.nan,
            "round_3": report[2][0].mean() if 2 in report else np.nan,
        }

    def share_gradients(self):
        """The mean over the processes."""
        if self.world == 1:
            return
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        torch.distributed.all_reduce(flat)
        flat /= self.world
        parts = flat.split([g.numel() for g in gradients])
        torch._foreach_copy_(gradients, [part.view(g.shape) for part, g in zip(parts, gradients)])

    @torch.no_grad()
    def update_average(self, decay=0.998):
        """Exponential average of parameters and BatchNorm statistics."""
        decay = min(decay, self.step / (self.step + 10))
        pairs = list(zip(self.average.state_dict().values(), self.net.state_dict().values()))
        means = [mean for mean, value in pairs if mean.is_floating_point()]
        torch._foreach_lerp_(means, [value for _, value in pairs if value.is_floating_point()], 1 - decay)

    def save(self):
        state = {
            "net": self.net.state_dict(),
            "hints": self.hints.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "counts": (self.step, self.pictures, self.seconds),
            "config": self.net.config,
        }
        torch.save(state, self.options.out / "last.tmp")
        os.replace(self.options.out / "last.tmp", self.options.out / "last.pt")

    def restore(self):
        state = torch.load(self.options.out / "last.pt", map_location=self.device)
        self.net.load_state_dict(state["net"])
        self.hints.load_state_dict(state["hints"])
        self.average.load_state_dict(state["average"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(kept)
        self.step, self.pictures, self.seconds = state["counts"]

    def run(self):
        self.options.out.mkdir(parents=True, exist_ok=True)
        if self.options.resume:
            self.restore()
        pool = Pool(self.options.data, self.options.out / f"pool-{self.net.size}", size=self.net.size, reuse=self.options.reuse / self.world, lead=self.rank == 0)
        with open(self.options.out / "train.pid", "a") as file:
            file.write("".join(f"{pid}\n" for pid in [os.getpid(), *pool.pids]))
        log = open(self.options.out / "log.csv" if self.rank == 0 else os.devnull, "a")
        saved, rows, mark = time.time(), [], time.time()
        while not self.finished():
            rows.append(self.train_step(pool))
            if len(rows) == 50:
                now = time.time()
                self.seconds += now - mark
                mean = {key: round(float(np.nanmean([row[key] for row in rows])), 4) for key in rows[0]}
                line = {"time": datetime.datetime.now(datetime.timezone.utc).strftime("%H:%M:%S"), "step": self.step, "pictures": self.pictures}
                line |= {"seconds": round(self.seconds), "rate": round(self.rate(), 4), **mean, "step_seconds": round((now - mark) / 50, 3)}
                writer = csv.DictWriter(log, line)
                if log.tell() == 0:
                    writer.writeheader()
                writer.writerow(line)
                log.flush()
                rows, mark = [], now
            if self.rank == 0 and time.time() - saved > 240:
                self.save()
                saved = time.time()
        if self.rank == 0:
            self.save()

    def finished(self):
        """Whether the time is up, by the first process's clock."""
        late = torch.tensor(float(time.time() >= self.end))
        if self.world > 1:
            torch.distributed.broadcast(late, 0)
        return late.item() > 0


if __name__ == "__main__":
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // int(os.environ.get("WORLD_SIZE", 1))))
    Trainer(arguments()).run()
