// Convolutional models: convolution 3 × 3, batch normalisation, ReLU, max pooling; mirrored with nearest upsampling. Images
// of 32 × 32 with 16, 32, 64 and 128 channels, and volumes of 16³ with 8, 16 and 32; batch 128, Adam.

import { bench, VAE } from '../lib/aevb.mjs'
import { epochSeconds, measureRepeats } from '../lib/measure.mjs'

const BATCH = 128

const MODELS = {
  images: { input: [1, 32, 32], channels: [16, 32, 64, 128], rows: 1024, latent: 16, kernel: 9 },
  volumes: { input: [1, 16, 16, 16], channels: [8, 16, 32], rows: 512, latent: 16, kernel: 27 },
}

export const title = 'convolutional models, batch 128: training of 1,000 rows'

export function cases({ quick, threads }) {
  return Object.keys(MODELS).flatMap((label) =>
    (threads ?? [1, 2]).map((threads) => ({ label, threads, repeats: quick ? 2 : 6, per: '1,000 rows' })),
  )
}

/** Floating-point operations for a row as if upsampled images were computed as they are: forward, and twice that back. */
function denseFlop({ input, channels, kernel, latent }) {
  const dimensions = input.length - 1
  let [positions, from] = [input.slice(1).reduce((product, size) => product * size), input[0]]
  let products = 0
  for (const to of channels) {
    products += positions * kernel * from * to
    positions /= 2 ** dimensions
    from = to
  }
  // The decoder's convolutions are the encoder's, from output to input.
  const dense = 3 * latent * positions * from
  return 3 * 2 * (2 * products + dense)
}

export async function measure({ label, threads, repeats }) {
  const model = MODELS[label]
  const block = { type: 'conv', kernel: 3, padding: 'same', norm: 'batch', pool: 2 }
  const vae = new VAE({
    input: model.input,
    encoder: model.channels.map((channels) => ({ ...block, channels })),
    latent: model.latent,
    decoder: 'mirror',
  })
  const size = model.input.reduce((product, n) => product * n)
  const data = {
    data: Uint8Array.from({ length: model.rows * size }, (_, i) => (i * 7919) % 256),
    shape: [model.rows, size],
  }
  const options = { batchSize: BATCH, threads, optimizer: { type: 'adam', learningRate: 1e-3 } }
  const result = await measureRepeats({
    threads,
    repeats,
    warmup: 2,
    flop: denseFlop(model) * 1000,
    once: async () => ((await epochSeconds(vae, data, options)) / model.rows) * 1000,
  })
  return { ...result, loss: vae.history.epochs.at(-1).loss, isa: bench.backend().isa }
}

export function peers({ label, threads, repeats }) {
  const args = ['--model', label, '--threads', threads, '--repeats', repeats]
  return [
    { name: 'PyTorch, eager', script: 'pytorch_conv.py', args },
    { name: 'PyTorch, channels last', script: 'pytorch_conv.py', args: [...args, '--form', 'channels_last'] },
    { name: 'PyTorch, torch.compile', script: 'pytorch_conv.py', args: [...args, '--form', 'compile'] },
  ]
}
