"""A VAE with one hidden layer on each side in PyTorch, as someone who knows its CPU side would write it: both heads of
the encoder in one product, and for the Bernoulli likelihood a loss that skips log1p."""

import math
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F


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


class GaussianLoss(nn.Module):
    """-log N(x; mean, variance), summed, with one variance for all features that is learned."""

    def __init__(self):
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(()))

    def forward(self, mean, x):
        constant = math.log(2 * math.pi) + self.log_variance
        return 0.5 * (x.numel() * constant + (x - mean).square().sum() * (-self.log_variance).exp())


class VAE(nn.Module):
    def __init__(self, features, hidden, latent, loss):
        """`loss`: of what the decoder puts out and the data, summed."""
        super().__init__()
        self.loss = loss
        self.hidden = nn.Linear(features, hidden)
        self.latent = nn.Linear(hidden, 2 * latent)
        self.decoder = nn.Linear(latent, hidden)
        self.output = nn.Linear(hidden, features)

    def encode(self, x):
        return self.latent(F.relu(self.hidden(x))).chunk(2, dim=-1)

    def decode(self, z):
        return self.output(F.relu(self.decoder(z)))

    def forward(self, x):
        """Reconstruction and KL, summed over the batch."""
        mean, log_variance = self.encode(x)
        deviation = (0.5 * log_variance).exp()
        z = torch.addcmul(mean, deviation, torch.randn_like(deviation))
        reconstruction = self.loss(self.decode(z), x)
        kl = 0.5 * (deviation.square() + mean.square() - 1 - log_variance).sum()
        return reconstruction, kl


def prepare(threads, seed):
    """Before anything runs in parallel: threads inherit the flag from the one that starts them."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
