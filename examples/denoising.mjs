// Training that corrupts what the encoder sees and asks for the clean image. Two models that differ in `corruption` alone
// are given the same corrupted test images: three in ten pixels are replaced, half of them by black and half by white. How
// many nats the clean image then costs, −log p(clean | z of the corrupted), is computed here from the reconstruction.

import { imageGrid, mnist, VAE } from 'aevb'
import { done, firstRows, picture, randomNumbers, size, step, table, willDraw } from './lib/example.mjs'

await willDraw('denoising.png')

const PROBABILITY = 0.3
const SHOWN = 14

const { train, test } = await mnist()
const rows = firstRows(train.images, size(60000, 4000))
const bytes = firstRows(test.images, size(10000, 200))
const clean = { data: Float32Array.from(bytes.data, (value) => value / 255), shape: bytes.shape }

const { uniform } = randomNumbers(1)
const corrupted = {
  data: clean.data.map((value) => (uniform() < PROBABILITY ? Math.floor(2 * uniform()) : value)),
  shape: clean.shape,
}

/** Cross-entropy of the clean images and the pixels that a model makes of `seen`, nats per image. */
function crossEntropy({ data }) {
  let sum = 0
  for (let i = 0; i < data.length; i++) {
    // A float32 may have been rounded to 0 or 1, which would cost infinitely much.
    const p = Math.min(Math.max(data[i], 1e-7), 1 - 1e-7)
    sum -= clean.data[i] * Math.log(p) + (1 - clean.data[i]) * Math.log(1 - p)
  }
  return sum / clean.shape[0]
}

const models = {
  'without corruption': undefined,
  'with corruption': { type: 'saltAndPepper', probability: PROBABILITY },
}
const lines = []
const pictures = [firstRows(corrupted, SHOWN)]
for (const [name, corruption] of Object.entries(models)) {
  step(`Training ${name}`)
  const vae = new VAE({ encoder: [400], latent: 32, decoder: [400], corruption })
  await vae.fit(rows, { epochs: size(12, 1), learningRate: 0.003, schedule: 'cosine' })
  const ofCorrupted = await vae.reconstruct(corrupted)
  const ofClean = await vae.reconstruct(clean)
  lines.push([name, crossEntropy(ofCorrupted).toFixed(2), crossEntropy(ofClean).toFixed(2)])
  pictures.push(firstRows(ofCorrupted, SHOWN))
}
pictures.push(firstRows(clean, SHOWN))
table(['trained', 'nats of the clean image, corrupted seen', 'clean seen'], lines)

const columns = pictures[0].shape[0]
const all = Float32Array.from(pictures.flatMap(({ data }) => [...data]))
await picture(
  'denoising.png',
  await imageGrid({ data: all, shape: [pictures.length * columns, 784] }, { height: 28, width: 28, columns }),
  'rows: corrupted; made of it without, and with, training on corrupted images; clean',
)
done()
