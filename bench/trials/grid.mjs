// The reference model with other widths of its hidden layers and other sizes of a batch.

import { VAE } from '../lib/aevb.mjs'
import { digits } from '../lib/data.mjs'
import { epochSeconds, measureRepeats } from '../lib/measure.mjs'
import { model } from '../lib/models.mjs'

/** Floating-point operations of a repeat: some tenths of a second on one core. */
const WORK = 3e10

export const title = 'widths and batches: time of a row, 784-WIDTH-10-WIDTH-784'

export function cases({ quick, threads, available }) {
  const widths = quick ? [64, 2048] : [64, 128, 256, 512, 1024, 2048]
  const batches = quick ? [16, 2048] : [16, 64, 128, 512, 2048]
  const counts = threads ?? [1, 2].filter((count) => count <= available)
  return widths.flatMap((width) =>
    batches.flatMap((batch) =>
      counts.map((threads) => {
        const label = `width ${width}, batch ${batch}`
        return { label, width, batch, threads, repeats: quick ? 2 : 5, per: 'row' }
      }),
    ),
  )
}

export async function measure({ width, batch, threads, repeats }) {
  const { config, trainFlop, trainBytes } = model({ hidden: width })
  const wanted = Math.max(4 * batch, WORK / trainFlop)
  const data = await digits(batch * Math.floor(Math.min(wanted, 60_000) / batch))
  const vae = new VAE(config)
  return measureRepeats({
    threads,
    repeats,
    flop: trainFlop,
    bytes: trainBytes(batch),
    // The rate is low enough for the widest model: a step that diverged would stop the measurement.
    once: async () => (await epochSeconds(vae, data, { threads, batchSize: batch, learningRate: 1e-4 })) / data.rows,
  })
}
