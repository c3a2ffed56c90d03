// The reference model on a thousand rows to a million: the time of a row must not grow with their number.

import { VAE } from '../lib/aevb.mjs'
import { manyDigits } from '../lib/data.mjs'
import { memoryLeft } from '../lib/machine.mjs'
import { epochSeconds, measureRepeats } from '../lib/measure.mjs'
import { reference } from '../lib/models.mjs'

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
  await epochSeconds(vae, data.slice(0, 1000), { threads })
  const result = await measureRepeats({
    threads,
    repeats,
    warmup: 0,
    flop: reference.trainFlop,
    once: async () => (await epochSeconds(vae, data, { threads })) / rows,
  })
  return { ...result, dataMegabytes: (rows * reference.config.input) / 2 ** 20 }
}
