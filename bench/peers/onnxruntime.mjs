// Latency of encoding one row with onnxruntime-node: the median of many calls, with the options that are best for so
// small a model: one thread, nothing in parallel.
//
//   node bench/peers/onnxruntime.mjs [--model reference|images] [--threads 1] [--repeats 5]
//
// setup.sh makes the files encoder.onnx and encoder-images.onnx that it reads.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import ort from 'onnxruntime-node'
import { options, report } from './common.mjs'

const CALLS = 1000
const MODELS = {
  reference: { file: 'encoder.onnx', shape: [784], latent: 10 },
  images: { file: 'encoder-images.onnx', shape: [1, 32, 32], latent: 16 },
}

const { model, threads, repeats } = options()
const { file, shape, latent: units } = MODELS[model]
const session = await ort.InferenceSession.create(fileURLToPath(new URL(file, import.meta.url)), {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
})
const row = new Float32Array(shape.reduce((n, size) => n * size)).fill(0.5)

/** Seconds of one call, from numbers in an array to numbers in an array. */
async function encode() {
  const begin = performance.now()
  const { latent } = await session.run({ x: new ort.Tensor('float32', row, [1, ...shape]) })
  if (latent.data.length !== 2 * units)
    throw new Error(`expected ${2 * units} numbers but received ${latent.data.length}`)
  return (performance.now() - begin) / 1000
}

async function medianOfCalls() {
  const seconds = new Float64Array(CALLS)
  for (let i = 0; i < CALLS; ++i) seconds[i] = await encode()
  return seconds.sort()[CALLS / 2]
}

await medianOfCalls()
const samples = []
for (let i = 0; i < repeats; ++i) samples.push(await medianOfCalls())
const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json')
report(`onnxruntime-node ${version}`, threads, samples)
