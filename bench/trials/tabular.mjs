// A small model for tables: 16-32-4-32-16, Gaussian likelihood with a learned variance, 20,000 rows, batch 64.

import { VAE } from '../lib/aevb.mjs'
import { table } from '../lib/data.mjs'
import { measureRepeats, timed } from '../lib/measure.mjs'
import { model } from '../lib/models.mjs'

const ROWS = 20_000
const BATCH = 64
const EPOCHS = 10

export const title = 'small tabular model 16-32-4-32-16, Gaussian, batch 64: time of a step'

export function cases({ quick, threads }) {
  const counts = threads ?? [1, 0]
  const label = (count) => (count === 0 ? 'threads as fit chooses' : '16-32-4-32-16')
  return counts.map((threads) => ({
    label: label(threads),
    threads,
    peakThreads: threads || 1,
    repeats: quick ? 3 : 10,
    per: 'step',
  }))
}

export async function measure({ threads, peakThreads, repeats }) {
  const { config, trainFlop, trainBytes } = model({ input: 16, hidden: 32, latent: 4, likelihood: 'gaussian' })
  const data = table(ROWS, config.input, config.latent)
  const vae = new VAE(config)
  const steps = EPOCHS * Math.ceil(ROWS / BATCH)
  const options = { epochs: EPOCHS, batchSize: BATCH, learningRate: 1e-3, threads, verbose: false }
  const result = await measureRepeats({
    threads: peakThreads,
    repeats,
    flop: (trainFlop * ROWS * EPOCHS) / steps,
    bytes: (trainBytes(BATCH) * ROWS * EPOCHS) / steps,
    // All of `fit`, as its caller waits for it.
    once: async () => (await timed(() => vae.fit(data, options))) / steps,
  })
  return { ...result, loss: vae.history.epochs.at(-1).loss }
}

export function peers({ repeats }) {
  // More threads only slow so small a model down in PyTorch.
  const args = ['--threads', 1, '--repeats', repeats]
  return [
    { name: 'PyTorch, tuned', script: 'pytorch_tabular.py', args },
    { name: 'PyTorch, torch.compile', script: 'pytorch_tabular.py', args: [...args, '--compile'] },
  ]
}
