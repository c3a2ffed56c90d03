"""The convolutional models of bench/trials/networks.mjs in PyTorch: denormals flushed, a fused Adam, and no data loader.
Prints one line of JSON with the seconds of 1,000 rows.

  python bench/peers/pytorch_conv.py --model images [--form eager|channels_last|compile] [--threads 1] [--repeats 5]
"""

import time

from common import options, report

MODELS = {"images": ((1, 32, 32), (16, 32, 64, 128), 1024), "volumes": ((1, 16, 16, 16), (8, 16, 32), 512)}
BATCH, LATENT = 128, 16


def main():
    parser = options(__doc__, mnist=False)
    parser.add_argument("--model", choices=MODELS, default="images")
    parser.add_argument("--form", choices=("eager", "channels_last", "compile"), default="eager")
    given = parser.parse_args()
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(given.seed)
    shape, channels, rows = MODELS[given.model]
    d = len(shape) - 1
    Conv, Norm, Pool = {2: (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d), 3: (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d)}[d]

    def block(i, o):
        return [Conv(i, o, 3, padding=1, bias=False), Norm(o), nn.ReLU()]

    small = tuple(size // 2 ** len(channels) for size in shape[1:])
    flat = channels[-1]
    for size in small:
        flat *= size

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            pairs = list(zip((shape[0], *channels), channels))
            self.encoder = nn.Sequential(*(layer for i, o in pairs for layer in (*block(i, o), Pool(2))), nn.Flatten())
            self.mean, self.log_variance = nn.Linear(flat, LATENT), nn.Linear(flat, LATENT)
            self.dense = nn.Linear(LATENT, flat)
            back = [layer for i, o in reversed(pairs[1:]) for layer in (nn.Upsample(scale_factor=2), *block(o, i))]
            self.decoder = nn.Sequential(nn.Unflatten(1, (channels[-1], *small)), *back, nn.Upsample(scale_factor=2),
                                         Conv(channels[0], shape[0], 3, padding=1))

        def forward(self, x):
            h = self.encoder(x)
            mean, log_variance = self.mean(h), self.log_variance(h)
            z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
            logits = self.decoder(F.relu(self.dense(z)))
            reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
            return (reconstruction + kl) / x.shape[0]

    model, x = Model(), torch.rand(rows, *shape)
    if given.form == "channels_last":
        form = torch.channels_last if d == 2 else torch.channels_last_3d
        model, x = model.to(memory_format=form), x.to(memory_format=form)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    call = torch.compile(model) if given.form == "compile" else model

    def epoch():
        for i in range(0, rows, BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss = call(x[i:i + BATCH])
            loss.backward()
            optimizer.step()
        return loss.item()

    for _ in range(2):
        epoch()
    samples = []
    for _ in range(given.repeats):
        begin = time.perf_counter()
        loss = epoch()
        samples.append((time.perf_counter() - begin) / rows * 1000)
    report(f"PyTorch {torch.__version__}, {given.form}", given.threads, samples, loss=loss)


if __name__ == "__main__":
    main()
