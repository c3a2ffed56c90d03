// A step of every kind of model there is, in the reference model's architecture, beside a step of the reference model
// itself: what a likelihood, a posterior or an objective costs over the dense layers. The two take turns, and the
// reference model's data are zero if those of the kind are, since products leave zeros out.

import { Dataset, VAE } from '../lib/aevb.mjs'
import { uniform } from '../lib/data.mjs'
import { epochSeconds, measureRepeats } from '../lib/measure.mjs'
import { flopOf, reference } from '../lib/models.mjs'
import { median } from '../lib/statistics.mjs'

const COLUMNS = reference.config.input
const BATCH = 128

const Z = reference.config.latent
const mixture = { type: 'mixture', components: 10 }

/** What differs from the reference model, and the data if they are no grey values. */
const KINDS = [
  ['the reference model again', {}],

  ['Bernoulli, stochastic binarize', { likelihood: { type: 'bernoulli', binarize: 'stochastic' } }, 'binarized'],
  ['continuous Bernoulli', { likelihood: 'continuousBernoulli' }],
  ['Gaussian, fixed variance', { likelihood: { type: 'gaussian', variance: 1 } }, 'reals'],
  ['Gaussian, learned', { likelihood: { type: 'gaussian', variance: 'learned' } }, 'reals'],
  ['Gaussian, perFeature', { likelihood: { type: 'gaussian', variance: 'perFeature' } }, 'reals'],
  ['Gaussian, perDatum', { likelihood: { type: 'gaussian', variance: 'perDatum' } }, 'reals'],
  ['Laplace, learned', { likelihood: { type: 'laplace', scale: 'learned' } }, 'reals'],
  ['Laplace, perDatum', { likelihood: { type: 'laplace', scale: 'perDatum' } }, 'reals'],
  ['categorical, 392 × 2', { likelihood: { type: 'categorical', classes: 2 } }, 'oneHot'],
  ['categorical, 98 × 8', { likelihood: { type: 'categorical', classes: 8 } }, 'oneHot'],
  ['categorical, 7 × 112', { likelihood: { type: 'categorical', classes: 112 } }, 'oneHot'],
  ['categorical, 98 × 8, codes', { likelihood: { type: 'categorical', classes: 8, coding: 'codes' } }, 'codes'],
  ['multinomial', { likelihood: 'multinomial' }, 'counts'],
  ['Poisson', { likelihood: 'poisson' }, 'counts'],

  ['q: Gaussian, full covariance', { latent: { type: 'gaussian', units: Z, covariance: 'full' } }],
  ['q: Laplace', { latent: { type: 'laplace', units: Z } }],
  ['q: logistic', { latent: { type: 'logistic', units: Z } }],
  ['q: categorical, 20 × 10', { latent: { type: 'categorical', units: 20, classes: 10 } }],
  ['q: the same, straight-through', { latent: { type: 'categorical', units: 20, classes: 10, straightThrough: true } }],
  ['q: Bernoulli, 10', { latent: { type: 'bernoulli', units: Z } }],
  ['q: Bernoulli, 200', { latent: { type: 'bernoulli', units: 200 } }],
  ['prior: learned', { latent: { type: 'gaussian', units: Z, prior: { type: 'normal', learned: true } } }],
  ['prior: mixture of 10', { latent: { type: 'gaussian', units: Z, prior: mixture } }],
  ['mixture, q: full covariance', { latent: { type: 'gaussian', units: Z, covariance: 'full', prior: mixture } }],

  ['Monte Carlo KL', { objective: { kl: 'monteCarlo' } }],
  ['free bits', { objective: { freeBits: 0.1 } }],
  ['capacity', { objective: { capacity: { weight: 10, nats: 20, epochs: 10 } } }],
  ['total correlation', { objective: { totalCorrelation: 5 } }],
  ['MMD', { objective: { mmd: 10 } }],
  ['deterministic, MMD', { objective: { deterministic: true, mmd: 10 } }],
  ['5 draws', { objective: { samples: 5 } }],
  ['IWAE, 5 draws', { objective: { bound: 'iwae', samples: 5 } }],
  ['DReG, 5 draws', { objective: { bound: 'dreg', samples: 5 } }],
  ['score function, 2 draws', { objective: { estimator: 'scoreFunction', baseline: 'leaveOneOut', samples: 2 } }],

  ['corruption: Gaussian', { corruption: { type: 'gaussian', std: 0.2 } }],
  ['corruption: masking', { corruption: { type: 'masking', probability: 0.3 } }, 'masked'],
  ['corruption: salt and pepper', { corruption: { type: 'saltAndPepper', probability: 0.3 } }],
  ['condition: 10 classes', { condition: { classes: 10 } }],
]

export const title = 'every kind of model, 784-200-10-200-784: time of a step, and over that of the reference model'

export function cases({ quick, threads }) {
  const [steps, repeats] = quick ? [10, 3] : [20, 8]
  return (threads ?? [1]).flatMap((threads) =>
    KINDS.map(([label, config, data = 'grey']) => ({ label, config, data, steps, repeats, threads, per: 'step' })),
  )
}

export async function measure({ config, data, steps, repeats, threads }) {
  const rows = steps * BATCH
  const { cells, columns = COLUMNS, beside, classes } = DATA[data](rows, config.likelihood?.classes)
  const vae = new VAE({ ...reference.config, ...config, input: columns })
  const plain = new VAE(reference.config)
  // The rate is low enough for every kind: a step that diverged would stop the measurement.
  const options = { threads, batchSize: BATCH, learningRate: 1e-3 }
  const own = new Dataset(cells, { columns })
  const ownOptions = config.condition === undefined ? options : { ...options, condition: classes }
  const step = async () => (await epochSeconds(vae, own, ownOptions)) / steps
  const plainData = beside === undefined ? own : new Dataset(beside, { columns: COLUMNS })
  const plainStep = async () => (await epochSeconds(plain, plainData, options)) / steps

  const flop = flopOf(vae)
  const ratios = []
  const ofReference = []
  let before = await plainStep()
  const result = await measureRepeats({
    threads,
    repeats,
    flop: flop * BATCH,
    once: async () => {
      const seconds = await step()
      const behind = await plainStep()
      ofReference.push(behind)
      ratios.push((2 * seconds) / (before + behind))
      before = behind
      return seconds
    },
  })
  // The first is that of the warm-up.
  const ratio = median(ratios.slice(1))
  const ofFlop = flop / reference.trainFlop
  const note = Math.abs(ofFlop - 1) < 0.005 ? undefined : `with ${ofFlop.toFixed(2)} × the dense FLOP`
  return { ...result, ratio, ratios, ofReference, ofFlop, note, loss: vae.history.epochs.at(-1).loss }
}

/** Cells of each kind of data, and those of the reference model's if it cannot have the same. */
const DATA = {
  grey: (rows) => {
    const random = uniform()
    const cells = Uint8Array.from({ length: rows * COLUMNS }, () => 1 + Math.floor(255 * random()))
    return { cells, classes: Int32Array.from({ length: rows }, (_, row) => row % 10) }
  },
  // Each is drawn as 1 or 0 in every epoch; in the reference model's, once.
  binarized: (rows) => {
    const random = uniform(2)
    const { cells } = DATA.grey(rows)
    return { cells, beside: cells.map((cell) => (255 * random() < cell ? 255 : 0)) }
  },
  // The kind's own cells are drawn anew in each step, and in the encoder's input only.
  masked: (rows) => {
    const random = uniform(2)
    const { cells } = DATA.grey(rows)
    return { cells, beside: cells.map((cell) => (random() < 0.3 ? 0 : cell)) }
  },
  reals: (rows) => {
    const random = uniform()
    const cells = Float32Array.from({ length: rows * COLUMNS }, () => 3 * random() - 1.5)
    return { cells, beside: DATA.grey(rows).cells }
  },
  oneHot: (rows, classes) => {
    const { beside } = DATA.codes(rows, classes)
    return { cells: beside.map((bit) => bit / 255), beside }
  },
  codes: (rows, classes) => {
    const random = uniform()
    const columns = COLUMNS / classes
    const cells = Uint8Array.from({ length: rows * columns }, () => Math.floor(classes * random()))
    const beside = new Uint8Array(rows * COLUMNS)
    cells.forEach((code, i) => {
      beside[i * classes + code] = 255
    })
    return { cells, columns, beside }
  },
  // Geometric: half of them zero, as in tables of counts.
  counts: (rows) => {
    const random = uniform()
    const cells = Uint8Array.from({ length: rows * COLUMNS }, () => Math.floor(-Math.log2(1 - random())))
    return { cells, beside: cells.map((count) => (count > 0 ? 255 : 0)) }
  },
}
