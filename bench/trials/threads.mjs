// The reference model on one thread to all of them, and on as many as `fit` chooses.

import { VAE } from '../lib/aevb.mjs'
import { digits } from '../lib/data.mjs'
import { epochSeconds, measureRepeats } from '../lib/measure.mjs'
import { reference } from '../lib/models.mjs'

export const title = 'one thread to all, reference model, one epoch'

export function cases({ quick, threads, available }) {
  const counts = threads ?? [...oneToAll(available), 0]
  return counts.map((threads) => ({
    label: threads === 0 ? 'threads as fit chooses' : 'digits',
    threads,
    peakThreads: threads || available,
    repeats: quick ? 2 : 5,
    per: 'epoch',
  }))
}

export async function measure({ threads, peakThreads, repeats }) {
  const data = await digits()
  const vae = new VAE(reference.config)
  return measureRepeats({
    threads: peakThreads,
    repeats,
    flop: reference.trainFlop * data.rows,
    once: () => epochSeconds(vae, data, { threads }),
  })
}

/** Every number up to 8, then four to each doubling, and the last. */
function oneToAll(available) {
  const counts = []
  for (let count = 1; count < available; count += Math.max(1, 2 ** (Math.floor(Math.log2(count)) - 2)))
    counts.push(count)
  return [...counts, available]
}
