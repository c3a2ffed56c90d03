// logLikelihood with 5,000 samples of each row, on the reference model.

import { VAE } from '../lib/aevb.mjs'
import { digits } from '../lib/data.mjs'
import { measureRepeats, timed } from '../lib/measure.mjs'
import { reference } from '../lib/models.mjs'

const SAMPLES = 5000

export const title = 'logLikelihood, 5,000 samples a row, reference model'

export function cases({ quick, threads, available }) {
  const counts = threads ?? [1, 2].filter((count) => count <= available)
  const rows = quick ? 40 : 1000
  return counts.map((threads) => ({ label: `${rows} rows`, threads, rows, repeats: quick ? 2 : 3, per: 'call' }))
}

export async function measure({ threads, rows, repeats }) {
  const data = await digits(rows)
  const vae = new VAE(reference.config)
  // Trained as the introductory notebook does: then half of the hidden units are zero, and their terms left out.
  await vae.fit(await digits(60_000), { epochs: 5, verbose: false })
  let mean
  const result = await measureRepeats({
    threads,
    repeats,
    // A repeat takes many seconds: the first one warms up as well as any.
    warmup: 0,
    flop: rows * (reference.encodeFlop + SAMPLES * reference.decodeFlop),
    once: () =>
      timed(async () => {
        mean = (await vae.logLikelihood(data, { threads, samples: SAMPLES })).mean
      }),
  })
  return { ...result, logLikelihood: mean }
}

export function peers({ threads, rows, repeats }) {
  const args = ['--threads', threads, '--repeats', repeats, '--rows', rows, '--samples', SAMPLES]
  return [{ name: 'PyTorch, batched samples', script: 'pytorch_likelihood.py', mnist: true, args }]
}
