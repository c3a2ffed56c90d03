// How noisy are the estimators of the gradient? Parameters and a batch of MNIST are held and only the draws change: each
// model begins with the same parameters and another `seed`, and takes one step of plain SGD with learning rate 1, so that
// what its parameters have changed by is one estimate of the gradient. All estimators take 4 draws of z for each image.
//
// The score function's moving average needs a past: such a model first takes a step with learning rate 1e-30, too small to
// change a float32, and its baseline is then the mean loss of the same images. One number for all images takes off what
// they have in common, which is most of it before training; leave-one-out has a number for each image.

import { mnist, VAE } from 'aevb'
import { colours, svg } from './lib/chart.mjs'
import { done, firstRows, picture, size, step, table, willDraw } from './lib/example.mjs'
import { withParameters } from './lib/parameters.mjs'

await willDraw('estimator-variance.svg')

const DRAWS = size(100, 4)
const samples = 4

const estimators = {
  'reparameterised, analytic KL': {},
  'reparameterised, Monte-Carlo KL': { kl: 'monteCarlo' },
  'score function, leave-one-out': { estimator: 'scoreFunction', baseline: 'leaveOneOut' },
  'score function, moving average': { estimator: 'scoreFunction', baseline: 'movingAverage' },
  'score function, no baseline': { estimator: 'scoreFunction', baseline: 'none' },
}

const gradientStep = { epochs: 1, batchSize: 128, shuffle: false, verbose: false }
const sgd = (learningRate) => ({ ...gradientStep, optimizer: { type: 'sgd', learningRate } })

/** The parameters of the encoder, its heads included: where the estimators differ. */
function encoderOf(vae) {
  const own = Object.entries(vae.parameters()).filter(([name]) => /^(encoder|latent)\./.test(name))
  return own.map(([, { data }]) => data)
}

/** Sums over all parameters of the gradient's variance, and of the square of its mean, which is what is to be found. */
async function measure(vae, objective, batch) {
  const before = encoderOf(vae)
  const sums = before.map(({ length }) => new Float64Array(length))
  const squares = before.map(({ length }) => new Float64Array(length))
  await withParameters(vae.parameters(), async (make) => {
    for (let draw = 0; draw < DRAWS; draw++) {
      const copy = await make({ ...vae.config, seed: 1000 + draw, objective: { samples, ...objective } })
      if (objective.baseline === 'movingAverage') await copy.fit(batch, sgd(1e-30))
      await copy.fit(batch, sgd(1))
      encoderOf(copy).forEach((after, i) => {
        for (let j = 0; j < after.length; j++) {
          const gradient = before[i][j] - after[j]
          sums[i][j] += gradient
          squares[i][j] += gradient * gradient
        }
      })
    }
  })
  let variance = 0
  let signal = 0
  sums.forEach((sum, i) => {
    for (let j = 0; j < sum.length; j++) {
      const mean = sum[j] / DRAWS
      const own = (squares[i][j] / DRAWS - mean * mean) * (DRAWS / (DRAWS - 1))
      variance += own
      // The square of a mean of noisy numbers is too large by the variance of that mean.
      signal += mean * mean - own / DRAWS
    }
  })
  return { variance, signal }
}

const { train } = await mnist()
const batch = firstRows(train.images, 128)
const vae = new VAE()
const points = []
for (const epochs of [0, size(5, 1)]) {
  const when = epochs === 0 ? 'before training' : `after ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`
  if (epochs > 0) {
    step(`Training`)
    await vae.fit(firstRows(train.images, size(60000, 5000)), { epochs })
  }
  const rows = []
  for (const [name, objective] of Object.entries(estimators)) {
    step(`${when}: ${name}`)
    const { variance, signal } = await measure(vae, objective, batch)
    points.push({ when, name, variance })
    rows.push([name, variance, signal])
  }
  const [, least] = rows[0]
  table(
    [when, 'variance', 'times the first', 'squared mean gradient'],
    rows.map(([name, variance, signal]) => [
      name,
      variance.toPrecision(3),
      (variance / least).toPrecision(3),
      // With so much noise the estimate of what lies below it is noise itself.
      signal > variance / DRAWS ? signal.toPrecision(3) : 'lost in noise',
    ]),
  )
}

const times = [...new Set(points.map(({ when }) => when))]
await picture(
  'estimator-variance.svg',
  await svg({
    keys: times.map((when, i) => ({ name: when, mark: 'dot', colour: colours[i] })),
    charts: (plot) => [
      {
        width: 720,
        height: 220,
        marginLeft: 240,
        marginBottom: 40,
        marginRight: 20,
        grid: true,
        x: {
          type: 'log',
          label: "variance of the encoder's gradient, summed over its parameters",
          labelAnchor: 'center',
          labelArrow: 'none',
          ticks: 6,
          tickFormat: '~g',
          nice: true,
        },
        y: { type: 'point', label: null, domain: Object.keys(estimators) },
        marks: [
          plot.frame({ stroke: '#bbb' }),
          plot.dot(points, { x: 'variance', y: 'name', fill: ({ when }) => colours[times.indexOf(when)], r: 5 }),
        ],
      },
    ],
  }),
  'the variances above, on a logarithmic axis',
)
done()
