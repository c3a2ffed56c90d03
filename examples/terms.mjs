// What each term of the loss does alone. Three models with two latent dimensions are trained on MNIST: with the
// reconstruction term only, the KL divergence only, and both. For test images a z is drawn from q(z|x) and coloured by the
// digit. Reconstruction alone tells images apart but leaves z anywhere, where samples from the prior do not reach; KL alone
// makes every posterior the prior, so that z says nothing; both together fill the prior with digits.

import { imageGrid, mnist, VAE } from 'aevb'
import { colours, svg } from './lib/chart.mjs'
import { done, firstRows, picture, randomNumbers, size, step, table, willDraw } from './lib/example.mjs'

await willDraw('terms.svg', 'terms-samples.png')

const models = {
  'reconstruction only': { weights: { kl: 0 } },
  'KL only': { weights: { reconstruction: 0 } },
  both: {},
}
const NEIGHBOURS = 10

const { train, test } = await mnist()
const rows = firstRows(train.images, size(60000, 2000))
const shown = firstRows(test.images, size(2000, 200))
const held = firstRows(test.images, size(10000, 200))

/** z = mean + σ ε for each row. */
async function draws(vae, images) {
  const { mean, logVariance } = await vae.encode(images)
  const { normal } = randomNumbers(1)
  return mean.data.map((value, i) => value + Math.exp(logVariance.data[i] / 2) * normal())
}

/** How many images have the digit that most of their nearest neighbours in z have, in percent. */
function agreement(z, labels) {
  const count = z.length / 2
  let right = 0
  for (let i = 0; i < count; i++) {
    const distances = Array.from({ length: count }, (_, j) => [
      (z[2 * i] - z[2 * j]) ** 2 + (z[2 * i + 1] - z[2 * j + 1]) ** 2,
      labels[j],
    ])
    distances[i][0] = Number.POSITIVE_INFINITY
    const votes = new Array(10).fill(0)
    for (const [, label] of distances.sort(([a], [b]) => a - b).slice(0, NEIGHBOURS)) votes[label]++
    if (votes.indexOf(Math.max(...votes)) === labels[i]) right++
  }
  return (100 * right) / count
}

/** Mean and standard deviation of all of z, for how far it is from the prior's 0 and 1. */
function spread(z) {
  const mean = z.reduce((sum, value) => sum + value, 0) / z.length
  return Math.sqrt(z.reduce((sum, value) => sum + (value - mean) ** 2, 0) / z.length)
}

const points = []
const lines = []
const samples = []
for (const [name, objective] of Object.entries(models)) {
  step(`Training with ${name}`)
  const vae = new VAE({ encoder: [200, 100], latent: 2, decoder: [100, 200], objective })
  await vae.fit(rows, { epochs: size(20, 1), learningRate: 0.003, schedule: 'cosine' })
  const { reconstruction, kl } = await vae.evaluate(held)
  const z = await draws(vae, shown)
  for (let i = 0; i < shown.shape[0]; i++) {
    points.push({ name, z1: z[2 * i], z2: z[2 * i + 1], digit: test.labels.data[i] })
  }
  lines.push([
    name,
    reconstruction.toFixed(2),
    kl.toFixed(2),
    (reconstruction + kl).toFixed(2),
    spread(z).toFixed(2),
    `${agreement(z, test.labels.data).toFixed(0)} %`,
  ])
  samples.push((await vae.sample(12)).data)
}
table(['trained with', 'reconstruction', 'kl', 'sum', 'spread of z', `${NEIGHBOURS} neighbours agree`], lines)

const digits = Array.from({ length: 10 }, (_, digit) => digit)
await picture(
  'terms.svg',
  await svg({
    keys: digits.map((digit) => ({ name: String(digit), mark: 'dot', colour: colours[digit] })),
    charts: (plot) =>
      Object.keys(models).map((name) => ({
        width: 360,
        height: 360,
        marginBottom: 40,
        grid: true,
        inset: 6,
        x: { label: 'z₁', labelAnchor: 'center', labelArrow: 'none' },
        y: { label: `${name}: z₂`, labelArrow: 'none' },
        marks: [
          plot.frame({ stroke: '#bbb' }),
          plot.dot(
            points.filter((point) => point.name === name),
            { x: 'z1', y: 'z2', fill: ({ digit }) => colours[digit], fillOpacity: 0.7, r: 2 },
          ),
        ],
      })),
  }),
  `z of ${shown.shape[0]} test images, each chart with a scale of its own`,
)
const all = new Float32Array(samples.flatMap((data) => [...data]))
await picture(
  'terms-samples.png',
  await imageGrid({ data: all, shape: [36, 784] }, { height: 28, width: 28, columns: 12 }),
  'samples from the prior, a row for each model in the same order',
)
done()
