// Training with the importance-weighted bound beside training with the evidence lower bound, by what counts for both:
// log p(x) of test images, estimated with 5,000 importance samples, from the encoder's posterior and from a refined
// one: the first is low if a few draws hold most of the weight, and its error is then not known. Data are
// stochastically binarised MNIST. All models see the same images equally often (equal epochs, not equal time: k draws
// take about k times as long), and the plain bound is also given k draws, so that what is left between rows of the same
// k is the objective alone.

import { mnist, VAE } from 'aevb'
import { done, firstRows, size, step, table } from './lib/example.mjs'

const objectives = [
  { samples: 1 },
  { samples: 5 },
  { samples: 5, bound: 'iwae' },
  { samples: 5, bound: 'dreg' },
  { samples: 50 },
  { samples: 50, bound: 'iwae' },
  { samples: 50, bound: 'dreg' },
]

const { train, test } = await mnist()
const rows = firstRows(train.images, size(10000, 400))
const held = firstRows(test.images, size(100, 10))
const epochs = size(5, 1)

const results = []
for (const objective of objectives) {
  const { samples, bound = 'elbo' } = objective
  const name = `${bound}, k = ${samples}`
  step(`Training with ${name}`)
  const vae = new VAE({
    encoder: [200],
    latent: 20,
    decoder: [200],
    likelihood: { type: 'bernoulli', binarize: 'stochastic' },
    objective,
  })
  const { epochs: records } = await vae.fit(rows, { epochs, batchSize: 50, learningRate: 0.003, schedule: 'cosine' })
  const seconds = records.reduce((sum, record) => sum + record.seconds, 0)
  const { loss } = await vae.evaluate(firstRows(test.images, size(2000, 100)))
  const plain = await vae.logLikelihood(held, { samples: size(5000, 100) })
  const refined = await vae.logLikelihood(held, { samples: size(5000, 100), proposal: 'refined' })
  results.push({ name, loss, plain, refined, seconds })
}

/** log p(x), its standard error, and of how many images that does not hold. */
const estimate = ({ mean, standardError, paretoK }) => [
  mean.toFixed(2),
  standardError.toFixed(2),
  paretoK.filter((k) => !(k <= 0.7)).length,
]

/** How much better than the first model, and the standard error of that over the images, the same for both. */
function beyond({ refined: { perExample } }, { refined: { perExample: base } }) {
  const differences = Array.from(perExample, (value, i) => value - base[i])
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length
  const square = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (differences.length - 1)
  return `${mean.toFixed(2)} ± ${Math.sqrt(square / differences.length).toFixed(2)}`
}

table(
  [
    'trained with',
    'own bound',
    'log p(x), plain',
    'standard error',
    'k̂ > 0.7',
    'log p(x), refined',
    'standard error',
    'k̂ > 0.7',
    'beyond the first',
    'seconds',
  ],
  results.map((result) => [
    result.name,
    (-result.loss).toFixed(2),
    ...estimate(result.plain),
    ...estimate(result.refined),
    result === results[0] ? '' : beyond(result, results[0]),
    result.seconds.toFixed(1),
  ]),
)
done()
