// Encoding and decoding 10,000 rows in one call.

import { Dataset, VAE } from '../lib/aevb.mjs'
import { digits } from '../lib/data.mjs'
import { measureRepeats, timed } from '../lib/measure.mjs'
import { reference } from '../lib/models.mjs'

const ROWS = 10_000

export const title = 'encode and decode of 10,000 rows, reference model'

export function cases({ quick, threads, available }) {
  const counts = threads ?? [1, 2].filter((count) => count <= available)
  return ['encode', 'decode'].flatMap((method) =>
    counts.map((threads) => ({ label: method, method, threads, repeats: quick ? 3 : 15, per: 'call' })),
  )
}

export async function measure({ method, threads, repeats }) {
  const vae = new VAE(reference.config)
  const images = await digits(ROWS)
  const { mean } = await vae.encode(images)
  const rows = method === 'encode' ? images : new Dataset(mean)
  return measureRepeats({
    threads,
    repeats,
    flop: ROWS * (method === 'encode' ? reference.encodeFlop : reference.decodeFlop),
    bytes: ROWS * (method === 'encode' ? reference.encodeBytes(ROWS) : reference.decodeBytes(ROWS)),
    once: () => timed(() => vae[method](rows, { threads })),
  })
}
