// Seconds per epoch of the reference model (784-200-10-200-784, Bernoulli, Adam, batch 128) on the 60,000 training
// images of MNIST; with products in bfloat16; and on bytes without a zero, where the first layer has nothing to leave
// out.

import { native, VAE } from '../lib/aevb.mjs'
import { denseBytes, digits } from '../lib/data.mjs'
import { epochSeconds, measureRepeats } from '../lib/measure.mjs'
import { reference } from '../lib/models.mjs'

const ROWS = 60_000
const BATCH = 128

export const title = 'reference model, one epoch of 60,000 rows in batches of 128'

export function cases({ quick, threads, available }) {
  const repeats = quick ? 2 : 5
  const counts = threads ?? [1, 2].filter((count) => count <= available)
  const of = (data, precision, label, skip) =>
    counts.map((threads) => ({ label, data, precision, threads, repeats, per: 'epoch', ...(skip && { skip }) }))
  return [
    ...of('digits', 'float32', 'digits'),
    ...of('digits', 'bfloat16', 'digits, bfloat16', !native.backend().bfloat16 && 'no bfloat16 here'),
    ...of('dense', 'float32', 'no zeros in the data'),
  ]
}

export async function measure({ data, precision, threads, repeats }) {
  const rows = data === 'digits' ? await digits() : denseBytes(ROWS, reference.config.input)
  const vae = new VAE(reference.config)
  const result = await measureRepeats({
    threads,
    repeats,
    flop: reference.trainFlop * rows.rows,
    bytes: reference.trainBytes(BATCH) * rows.rows,
    once: () => epochSeconds(vae, rows, { threads, batchSize: BATCH, precision }),
  })
  return { ...result, loss: vae.history.epochs.at(-1).loss, dataMegabytes: (rows.rows * rows.columns) / 2 ** 20 }
}

export function peers({ data, threads, repeats }) {
  if (data !== 'digits') return []
  const args = ['--threads', threads, '--repeats', repeats]
  return [
    { name: 'PyTorch, tuned', script: 'pytorch.py', mnist: true, args },
    { name: 'PyTorch, torch.compile', script: 'pytorch.py', mnist: true, args: [...args, '--compile'] },
    { name: 'PyTorch, DataLoader', script: 'pytorch_dataloader.py', mnist: true, args },
    { name: 'JAX, one scan an epoch', script: 'jax_scan.py', mnist: true, args },
    // An epoch of it takes half a minute.
    { name: 'TensorFlow.js, wasm', script: 'tfjs.mjs', mnist: true, args: ['--threads', threads, '--repeats', 1] },
  ]
}
