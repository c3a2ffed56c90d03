// The reference model on a thousand rows to a million: the time of a row must not grow with their number. What the
// machine gives changes from one minute to the next, so ten thousand rows are measured before and after each repeat.

import { VAE } from '../lib/aevb.mjs'
import { manyDigits } from '../lib/data.mjs'
import { memoryLeft } from '../lib/machine.mjs'
import { epochSeconds, measureRepeats } from '../lib/measure.mjs'
import { reference } from '../lib/models.mjs'
import { median } from '../lib/statistics.mjs'

/** The neighbour that a repeat is held against, and how often it is gone through each time. */
const BESIDE = { rows: 10_000, epochs: 10 }

export const title = 'one thousand rows to a million, reference model: time of a row'

export function cases({ quick, threads, available }) {
  const sizes = quick ? [1e3, 1e4, 1e5] : [1e3, 1e4, 1e5, 1e6]
  return (threads ?? [Math.min(2, available)]).flatMap((threads) =>
    sizes.map((rows) => {
      const needed = 2 * rows * reference.config.input + 2 ** 28
      return {
        label: `${rows.toLocaleString('en')} rows`,
        rows,
        threads,
        repeats: rows >= 1e5 ? (quick ? 1 : 3) : quick ? 3 : 10,
        per: 'row',
        skip: needed > 0.8 * memoryLeft() ? `${Math.ceil(needed / 2 ** 20)} MB do not fit into memory` : undefined,
      }
    }),
  )
}

export async function measure({ rows, threads, repeats }) {
  // The array is let go with this line, but memory has held it beside the core's copy by then.
  const data = await manyDigits(rows)
  const vae = new VAE(reference.config)
  const few = rows >= BESIDE.rows ? data.slice(0, BESIDE.rows) : await manyDigits(BESIDE.rows)
  const beside = async () => {
    const samples = []
    for (let i = 0; i < BESIDE.epochs; ++i) samples.push((await epochSeconds(vae, few, { threads })) / few.rows)
    return median(samples)
  }
  await epochSeconds(vae, data.slice(0, 1000), { threads })
  const ratios = []
  const result = await measureRepeats({
    threads,
    repeats,
    warmup: 0,
    flop: reference.trainFlop,
    once: async () => {
      const before = await beside()
      const seconds = (await epochSeconds(vae, data, { threads })) / rows
      ratios.push((2 * seconds) / (before + (await beside())))
      return seconds
    },
  })
  const ofBeside = median(ratios)
  const note = `${ofBeside.toFixed(2)} of a row's time among ${BESIDE.rows.toLocaleString('en')}`
  return { ...result, ofBeside, ratiosBeside: ratios, note, dataMegabytes: (rows * reference.config.input) / 2 ** 20 }
}
