// Training of the convolutional models of lib/models.mjs: images of 32 × 32 with 16, 32, 64 and 128 channels, and volumes of
// 16³ with 8, 16 and 32; batch 128, Adam.

import { bench, VAE } from '../lib/aevb.mjs'
import { epochSeconds, measureRepeats } from '../lib/measure.mjs'
import { convolutional } from '../lib/models.mjs'

const BATCH = 128

const ROWS = { images: 1024, volumes: 512 }

export const title = 'convolutional models, batch 128: training of 1,000 rows'

export function cases({ quick, threads }) {
  return Object.keys(ROWS).flatMap((label) =>
    (threads ?? [1, 2]).map((threads) => ({ label, threads, repeats: quick ? 2 : 6, per: '1,000 rows' })),
  )
}

export async function measure({ label, threads, repeats }) {
  const { config, trainFlop } = convolutional[label]
  const vae = new VAE(config)
  const size = config.input.reduce((product, n) => product * n)
  const rows = ROWS[label]
  const data = { data: Uint8Array.from({ length: rows * size }, (_, i) => (i * 7919) % 256), shape: [rows, size] }
  const options = { batchSize: BATCH, threads, optimizer: { type: 'adam', learningRate: 1e-3 } }
  const result = await measureRepeats({
    threads,
    repeats,
    warmup: 2,
    flop: trainFlop * 1000,
    once: async () => ((await epochSeconds(vae, data, options)) / rows) * 1000,
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
