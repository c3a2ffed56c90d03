// Latent variables that are discrete: categorical and binary ones, relaxed in training with a temperature that falls, beside
// Gaussian ones. Each model is trained on stochastically binarised MNIST; then z is discrete, and what an image costs is
// compared in nats, over the same images: −ELBO, what it is at the best posterior of each image's own (refine), and −log
// p(x) by importance sampling from between the two. If a few draws hold most of the weight, −log p(x) is an upper
// bound whose error is not known: of how many images is printed beside it.
//
// It prints the perplexity of each discrete variable's codes over the test images, e to the entropy of the mean
// posterior: as many as it has values if all are used alike, 1 if it always says the same.

import { imageGrid, mnist, VAE } from 'aevb'
import { done, firstRows, picture, randomNumbers, size, step, table, willDraw } from './lib/example.mjs'

await willDraw('discrete.png')

const epochs = size(14, 1)
const temperature = { start: 1, end: 0.4, epochs: size(12, 1) }
const models = {
  'gaussian, 20': { type: 'gaussian', units: 20 },
  'categorical, 20 of 10': { type: 'categorical', units: 20, classes: 10, temperature },
  'bernoulli, 64': { type: 'bernoulli', units: 64, temperature },
}
const SAMPLES = 16

const { train, test } = await mnist()
const rows = firstRows(train.images, size(60000, 4000))
const held = firstRows(test.images, size(10000, 200))
// Drawn once, so that every number of them is of the same black and white images.
const few = binarised(firstRows(test.images, size(100, 10)))

function binarised({ data, shape }) {
  const { uniform } = randomNumbers(1)
  return { data: data.map((grey) => (uniform() < grey / 255 ? 255 : 0)), shape }
}

/** The perplexities of a discrete group's variables, from the mean over rows of each value's probability. */
function perplexities({ type, units, classes = 2 }, { data, shape: [count, width] }) {
  const mean = new Float64Array(width)
  data.forEach((value, i) => {
    mean[i % width] += value / count
  })
  return Array.from({ length: units }, (_, unit) => {
    const p = type === 'bernoulli' ? [mean[unit], 1 - mean[unit]] : mean.subarray(unit * classes, (unit + 1) * classes)
    return Math.exp(-p.reduce((sum, value) => sum + (value > 0 ? value * Math.log(value) : 0), 0))
  })
}

const lines = []
const samples = []
for (const [name, latent] of Object.entries(models)) {
  step(`Training with ${name}`)
  const vae = new VAE({
    encoder: [300],
    latent,
    decoder: [300],
    likelihood: { type: 'bernoulli', binarize: 'stochastic' },
  })
  await vae.fit(rows, { epochs, learningRate: 0.003, schedule: 'cosine' })
  const { loss, reconstruction, kl } = await vae.evaluate(held)
  const { loss: ofFew } = await vae.evaluate(few, { samples: size(100, 10) })
  const { amortizationGap } = await vae.refine(few, { steps: size(100, 5) })
  const { mean, standardError, paretoK } = await vae.logLikelihood(few, {
    samples: size(5000, 50),
    proposal: 'refined',
  })
  let used = ''
  if (latent.type !== 'gaussian') {
    const all = perplexities(latent, (await vae.encode(held)).mean).sort((a, b) => a - b)
    used = `${all[0].toFixed(2)} … ${all[all.length >> 1].toFixed(2)} … ${all.at(-1).toFixed(2)}`
  }
  lines.push([
    name,
    loss.toFixed(2),
    reconstruction.toFixed(2),
    kl.toFixed(2),
    ofFew.toFixed(2),
    (ofFew - amortizationGap).toFixed(2),
    (-mean).toFixed(2),
    standardError.toFixed(2),
    paretoK.filter((k) => !(k <= 0.7)).length,
    used,
  ])
  samples.push((await vae.sample(SAMPLES)).data)
}
const of = ({ shape }) => `of ${shape[0]} images`
table(
  [
    'latent',
    `−ELBO ${of(held)}`,
    'reconstruction',
    'kl',
    `−ELBO ${of(few)}`,
    'refined',
    '−log p(x)',
    'standard error',
    'k̂ > 0.7',
    'perplexity: least … median … most',
  ],
  lines,
)

await picture(
  'discrete.png',
  await imageGrid(
    { data: Float32Array.from(samples.flatMap((data) => [...data])), shape: [samples.length * SAMPLES, 784] },
    { height: 28, width: 28, columns: SAMPLES },
  ),
  'samples from the prior, a row for each model in the same order',
)
done()
