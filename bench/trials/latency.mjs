// How long one row takes to encode or decode: the median of many calls one after another.

import { VAE } from '../lib/aevb.mjs'
import { digits } from '../lib/data.mjs'
import { measureRepeats } from '../lib/measure.mjs'
import { reference } from '../lib/models.mjs'
import { median } from '../lib/statistics.mjs'

const CALLS = 1000

export const title = 'latency of one row, reference model'

export function cases({ quick }) {
  const calls = ['encode', 'encodeSync', 'decode', 'decodeSync'].filter((method) => method in VAE.prototype)
  return calls.map((method) => ({ label: method, method, threads: 1, repeats: quick ? 3 : 10, per: 'call' }))
}

export async function measure({ method, threads, repeats }) {
  const vae = new VAE(reference.config)
  const { mean } = await vae.encode(await digits(1))
  // What a server has in its hands: numbers that have just come in, in a fresh array.
  const input = method.startsWith('encode') ? new Float32Array(784).fill(0.5) : mean.data
  const isPromise = !method.endsWith('Sync')
  return measureRepeats({
    threads,
    repeats,
    flop: method.startsWith('encode') ? reference.encodeFlop : reference.decodeFlop,
    bytes: method.startsWith('encode') ? reference.encodeBytes(1, 4) : reference.decodeBytes(1),
    once: async () => {
      const seconds = new Float64Array(CALLS)
      for (let i = 0; i < CALLS; ++i) {
        const begin = performance.now()
        if (isPromise) await vae[method](input, { threads })
        else vae[method](input)
        seconds[i] = (performance.now() - begin) / 1000
      }
      return median(seconds)
    },
  })
}

export function peers({ method, threads, repeats }) {
  if (!method.startsWith('encode')) return []
  return [{ name: 'onnxruntime-node', script: 'onnxruntime.mjs', args: ['--threads', threads, '--repeats', repeats] }]
}
