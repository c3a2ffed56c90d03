// How long one row takes to encode or decode: the median of many calls one after another.

import { VAE } from '../lib/aevb.mjs'
import { measureRepeats } from '../lib/measure.mjs'
import { convolutional, reference } from '../lib/models.mjs'
import { median } from '../lib/statistics.mjs'

const CALLS = 1000

const MODELS = { reference, images: convolutional.images }

export const title = 'latency of one row, reference model and convolutional encoder'

export function cases({ quick }) {
  const calls = ['encode', 'encodeSync', 'decode', 'decodeSync'].filter((method) => method in VAE.prototype)
  const one = (method, model) => ({
    label: model === 'reference' ? method : `${method}, ${model}`,
    method,
    model,
    threads: 1,
    repeats: quick ? 3 : 10,
    per: 'call',
  })
  return [...calls.map((method) => one(method, 'reference')), one('encode', 'images'), one('encodeSync', 'images')]
}

export async function measure({ method, model, threads, repeats }) {
  const { config, encodeFlop, decodeFlop, encodeBytes, decodeBytes } = MODELS[model]
  const vae = new VAE(config)
  const encodes = method.startsWith('encode')
  // What a server has in its hands: numbers that have just come in, in a fresh array.
  const input = new Float32Array(encodes ? [config.input].flat().reduce((n, size) => n * size) : config.latent).fill(
    0.5,
  )
  const isPromise = !method.endsWith('Sync')
  return measureRepeats({
    threads,
    repeats,
    flop: encodes ? encodeFlop : decodeFlop,
    bytes: encodes ? encodeBytes?.(1, 4) : decodeBytes?.(1),
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

export function peers({ method, model, threads, repeats }) {
  if (!method.startsWith('encode')) return []
  const args = ['--model', model, '--threads', threads, '--repeats', repeats]
  return [{ name: 'onnxruntime-node', script: 'onnxruntime.mjs', args }]
}
