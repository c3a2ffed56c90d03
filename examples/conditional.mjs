// Digits of a chosen class. Encoder and decoder are told the digit, so z holds what is left: slant, thickness, width. The
// picture has one column for each digit and in each row one z that all of its digits share.
//
// A conditional model also gives p(x|c), so the digit for which an image costs least is a guess at what it shows, although
// nothing was trained to classify.

import { imageGrid, mnist, VAE } from 'aevb'
import { done, firstRows, picture, randomNumbers, size, step, table, willDraw } from './lib/example.mjs'

await willDraw('conditional.png')

const CLASSES = 10
const UNITS = 10
const ROWS = 10

const { train, test } = await mnist()
const count = size(60000, 4000)
const rows = firstRows(train.images, count)
const labels = Array.from(train.labels.data.subarray(0, count))
const held = firstRows(test.images, size(10000, 200))
const right = Array.from(test.labels.data.subarray(0, held.shape[0]))
const network = { encoder: [300], latent: UNITS, decoder: [300] }
const options = { epochs: size(20, 1), learningRate: 0.003, schedule: 'cosine' }

step('Training without a condition')
const plain = new VAE(network)
await plain.fit(rows, options)
step('Training with the digit as condition')
const vae = new VAE({ ...network, condition: { classes: CLASSES } })
await vae.fit(rows, { ...options, condition: labels })

const wrong = right.map((label) => (label + 1) % CLASSES)
const losses = {
  'without a condition': await plain.evaluate(held),
  'told the digit': await vae.evaluate(held, { condition: right }),
  'told a wrong digit': await vae.evaluate(held, { condition: wrong }),
}
table(
  ['test images', 'loss', 'reconstruction', 'kl'],
  Object.entries(losses).map(([name, { loss, reconstruction, kl }]) => [
    name,
    loss.toFixed(2),
    reconstruction.toFixed(2),
    kl.toFixed(2),
  ]),
)

const costs = []
for (let digit = 0; digit < CLASSES; digit++) costs.push(await vae.anomalyScore(held, { condition: digit }))
const guesses = right.map((_, i) => costs.reduce((best, cost, digit) => (cost[i] < costs[best][i] ? digit : best), 0))
const hits = guesses.filter((guess, i) => guess === right[i]).length
console.log(
  `\nThe digit that costs least is the right one for ${((100 * hits) / right.length).toFixed(1)} % of the images.`,
)

const { normal } = randomNumbers(1)
const z = new Float32Array(ROWS * CLASSES * UNITS)
for (let row = 0; row < ROWS; row++) {
  const own = Array.from({ length: UNITS }, normal)
  for (let column = 0; column < CLASSES; column++) z.set(own, (row * CLASSES + column) * UNITS)
}
const condition = Array.from({ length: ROWS * CLASSES }, (_, i) => i % CLASSES)
const images = await vae.decode({ data: z, shape: [ROWS * CLASSES, UNITS] }, { condition })
await picture(
  'conditional.png',
  await imageGrid(images, { height: 28, width: 28, columns: CLASSES }),
  'a column for each digit, a row for each z',
)
done()
