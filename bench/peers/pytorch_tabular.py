"""The small tabular model in PyTorch, tuned as in pytorch.py: 16-32-4-32-16, Gaussian likelihood with a learned
variance, 20,000 rows, batches of 64, Adam with rate 0.001. Prints one line of JSON: seconds of a step.

  python bench/peers/pytorch_tabular.py [--threads 1] [--repeats 5] [--compile]
"""

import time

import torch
from common import options, report
from pytorch_model import GaussianLoss, VAE, prepare

ROWS, BATCH, FEATURES, HIDDEN, LATENT = 20_000, 64, 16, 32, 4


def main():
    parser = options(__doc__, mnist=False)
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    prepare(given.threads, given.seed)

    data = torch.randn(ROWS, LATENT) @ torch.randn(LATENT, FEATURES) + 0.1 * torch.randn(ROWS, FEATURES)
    model = VAE(FEATURES, HIDDEN, LATENT, GaussianLoss())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    forward = torch.compile(model, dynamic=False) if given.compile else model

    def step(indices):
        reconstruction, kl = forward(data[indices])
        loss = (reconstruction + kl) / len(indices)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach() * len(indices)

    for size in (BATCH, ROWS % BATCH or BATCH):
        step(torch.arange(size))

    samples = []
    for _ in range(given.repeats):
        begin = time.perf_counter()
        batches = torch.randperm(ROWS).split(BATCH)
        total = torch.zeros(())
        for indices in batches:
            total += step(indices)
        samples.append((time.perf_counter() - begin) / len(batches))

    report(
        f"PyTorch {torch.__version__}{', compiled' if given.compile else ''}", given.threads, samples,
        loss=total.item() / ROWS)


if __name__ == "__main__":
    main()
