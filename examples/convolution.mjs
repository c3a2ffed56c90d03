// Convolutions on images, volumes, signals and strings.
//
// MNIST, padded to 32 × 32: a convolutional model beside dense layers, with as many latent dimensions, trained on the same
// rows for as many epochs. Then 16³ volumes with a box or a ball in each, noisy waveforms of three kinds, and strings of
// symbols, made here from a seed: each beside a dense model.

import { imageGrid, mnist, VAE } from 'aevb'
import { done, firstRows, picture, randomNumbers, size, step, table, willDraw } from './lib/example.mjs'

await willDraw('convolution.png')

const block = (channels) => ({ type: 'conv', channels, kernel: 3, padding: 'same', norm: 'batch', pool: 2 })
const lines = []

/** −ELBO of test rows after training, nats for each. */
async function costOf(name, config, { train, test, epochs, batchSize = 128 }) {
  step(`Training ${name}`)
  const vae = new VAE(config)
  const begin = performance.now()
  await vae.fit(train, { epochs, batchSize, optimizer: { type: 'adam', learningRate: 0.003 }, schedule: 'cosine' })
  const seconds = (performance.now() - begin) / 1000
  const { loss, kl } = await vae.evaluate(test, { samples: 3 })
  lines.push([name, loss.toFixed(2), kl.toFixed(2), seconds.toFixed(0)])
  return vae
}

// --- Images ---

/** Rows of 28 × 28 bytes in the middle of 32 × 32. */
function padded({ data, shape: [rows] }) {
  const images = new Uint8Array(rows * 32 * 32)
  for (let i = 0; i < rows; i++) {
    for (let y = 0; y < 28; y++) {
      images.set(data.subarray(i * 784 + y * 28, i * 784 + (y + 1) * 28), i * 1024 + (y + 2) * 32 + 2)
    }
  }
  return { data: images, shape: [rows, 1, 32, 32] }
}

const digits = await mnist()
const images = {
  train: padded(firstRows(digits.train.images, size(60000, 2000))),
  test: padded(firstRows(digits.test.images, size(10000, 200))),
  epochs: size(5, 3),
}
await costOf('digits, dense', { input: [1, 32, 32], encoder: [400], latent: 16, decoder: [400] }, images)
const convolutional = await costOf(
  'digits, convolutions',
  { input: [1, 32, 32], encoder: [block(16), block(32), block(64), block(128)], latent: 16, decoder: 'mirror' },
  images,
)

// --- Volumes ---

const { uniform } = randomNumbers(3)
const SIDE = 16

/** A box or a ball of random place and size, as numbers from 0 to 1. */
function volume() {
  const center = [0, 1, 2].map(() => 5 + 6 * uniform())
  const half = 2 + 2.5 * uniform()
  const ball = uniform() < 0.5
  const cells = new Float32Array(SIDE ** 3)
  for (let i = 0; i < cells.length; i++) {
    const place = [Math.floor(i / SIDE ** 2), Math.floor(i / SIDE) % SIDE, i % SIDE]
    const off = place.map((at, axis) => Math.abs(at - center[axis]))
    const distance = ball ? Math.hypot(...off) : Math.max(...off)
    cells[i] = distance < half ? 1 : 0
  }
  return cells
}

function rowsOf(make, count, shape) {
  const elements = shape.reduce((product, length) => product * length)
  const data = new Float32Array(count * elements)
  for (let row = 0; row < count; row++) data.set(make(), row * elements)
  return { data, shape: [count, ...shape] }
}
const volumes = {
  train: rowsOf(volume, size(4000, 100), [1, SIDE, SIDE, SIDE]),
  test: rowsOf(volume, size(500, 20), [1, SIDE, SIDE, SIDE]),
  epochs: size(20, 1),
  batchSize: 64,
}
await costOf('volumes, dense', { input: SIDE ** 3, encoder: [200], latent: 6, decoder: [200] }, volumes)
await costOf(
  'volumes, convolutions',
  { input: [1, SIDE, SIDE, SIDE], encoder: [block(16), block(16), block(32)], latent: 6, decoder: 'mirror' },
  volumes,
)

// --- Signals ---

const LENGTH = 64

/** A sine, square or sawtooth wave of random period and phase, with noise of deviation 0.1. */
function wave() {
  const kind = Math.floor(3 * uniform())
  const [period, phase] = [8 + 24 * uniform(), uniform()]
  return Array.from({ length: LENGTH }, (_, t) => {
    const at = (t / period + phase) % 1
    const clean = kind === 0 ? Math.sin(2 * Math.PI * at) : kind === 1 ? Math.sign(0.5 - at) : 2 * at - 1
    return clean + 0.1 * (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3)
  })
}
const signals = {
  train: rowsOf(wave, size(10000, 200), [1, LENGTH]),
  test: rowsOf(wave, size(1000, 40), [1, LENGTH]),
  epochs: size(20, 1),
}
const noise = { type: 'gaussian', variance: 'learned' }
await costOf('waves, dense', { input: LENGTH, encoder: [128], latent: 6, decoder: [128], likelihood: noise }, signals)
await costOf(
  'waves, convolutions',
  {
    input: [1, LENGTH],
    encoder: [16, 32, 64].map((channels) => ({ ...block(channels), kernel: 5 })),
    latent: 6,
    decoder: 'mirror',
    likelihood: noise,
  },
  signals,
)

// --- Strings ---

const ALPHABET = 8

/** Words of two symbols each, of which every string repeats two. */
function string() {
  const words = [0, 1].map(() => [0, 1].map(() => Math.floor(ALPHABET * uniform())))
  return Array.from({ length: 12 }, (_, i) => words[Math.floor(i / 6)][i % 2])
}
const strings = {
  train: rowsOf(string, size(10000, 200), [1, 12]),
  test: rowsOf(string, size(1000, 40), [1, 12]),
  epochs: size(20, 1),
}
const wide = (more) => ({ type: 'conv', channels: 64, kernel: 5, padding: 'same', norm: 'batch', ...more })
const symbols = { type: 'categorical', classes: ALPHABET, coding: 'codes' }
await costOf('strings, dense', { input: 12, encoder: [64], latent: 8, decoder: [64], likelihood: symbols }, strings)
await costOf(
  'strings, convolutions',
  {
    input: [1, 12],
    encoder: [{ type: 'embedding', units: 8 }, wide(), wide({ stride: 2 })],
    latent: 8,
    decoder: [192, { type: 'reshape', shape: [32, 6] }, wide({ upsample: 2 }), wide()],
    likelihood: symbols,
  },
  strings,
)

table(['model', '−ELBO of test rows', 'KL', 'seconds'], lines)
const { data } = await convolutional.sample(64, { seed: 1 })
await picture(
  'convolution.png',
  await imageGrid({ data, shape: [64, 1024] }, { height: 32, width: 32, columns: 16 }),
  'digits drawn from the convolutional model',
)
done()
