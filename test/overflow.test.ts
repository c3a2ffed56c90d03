/** Rows that are valid but so extreme that single precision overflows: their results are infinite, never NaN. */

import { expect, test } from 'vitest'
import { type Evaluation, lossChart, type MatrixLike, VAE, type VAEConfig } from '../src/index.js'
import { finite } from './helpers/near.js'

const COLUMNS = 6
const ordinary = Array.from({ length: 64 }, (_, row) =>
  Array.from({ length: COLUMNS }, (_, column) => (row * 7 + column * 3) % 5),
)
const condition = ordinary.map((_, row) => [row % 2])
const small = { input: COLUMNS, encoder: [16], latent: 2, decoder: [16] } satisfies VAEConfig

interface Case {
  readonly name: string
  readonly config: VAEConfig
  readonly row: readonly number[]
  readonly condition?: readonly number[]
}

const usual = ordinary[0] as number[]
const cases: readonly Case[] = [
  { name: 'a count', config: { ...small, likelihood: 'poisson', scale: 'none' }, row: [1e30, ...usual.slice(1)] },
  { name: 'a cell', config: { ...small, likelihood: 'gaussian' }, row: [1e20, ...usual.slice(1)] },
  { name: 'a cell of a Laplace model', config: { ...small, likelihood: 'laplace' }, row: [3e38, ...usual.slice(1)] },
  {
    name: 'a cell of a model with a full covariance',
    config: { ...small, likelihood: { type: 'gaussian', covariance: 'full' } },
    row: [1e20, ...usual.slice(1)],
  },
  {
    // Its sums are in double, which overflows later.
    name: 'a cell of a model with a covariance of low rank',
    config: { ...small, likelihood: { type: 'gaussian', covariance: 'lowRank', rank: 2 } },
    row: [3e38, ...usual.slice(1)],
  },
  {
    name: 'a cell of an importance-weighted model',
    config: { ...small, likelihood: 'gaussian', objective: { bound: 'iwae', samples: 3 } },
    row: [1e20, ...usual.slice(1)],
  },
  {
    name: 'a cell of a model with a mixture for prior',
    config: {
      ...small,
      likelihood: 'gaussian',
      latent: { type: 'gaussian', units: 2, prior: { type: 'mixture', components: 3 } },
    },
    row: [1e20, ...usual.slice(1)],
  },
  { name: 'a condition', config: { ...small, likelihood: 'gaussian', condition: 1 }, row: usual, condition: [1e38] },
]

function rowsOf(absurd: Case): { x: MatrixLike; condition?: MatrixLike } {
  const x = [usual, [...absurd.row]]
  return absurd.config.condition ? { x, condition: [[1], [...(absurd.condition ?? [0])]] } : { x }
}

const terms = ({ loss, reconstruction, kl }: Omit<Evaluation, 'examples'>) => [loss, reconstruction, kl]

test.each(cases)('$name beyond single precision: infinite, not NaN', async (absurd) => {
  const vae = new VAE(absurd.config)
  const conditional = absurd.config.condition !== undefined
  const { x, condition: given } = rowsOf(absurd)
  const options = given ? { condition: given } : {}
  const { epochs } = await vae.fit(ordinary, {
    epochs: 3,
    learningRate: 0.01,
    validationData: x,
    ...(conditional && { condition }),
    ...(given && { validationCondition: given }),
    verbose: false,
  })
  expect(epochs).toHaveLength(3)
  for (const { validation } of epochs) {
    expect(validation?.loss).toBe(Number.POSITIVE_INFINITY)
    for (const term of terms(validation as Evaluation)) expect(term).not.toBeNaN()
  }
  expect(await lossChart({ epochs })).toContain('>training<')

  const evaluation = await vae.evaluate(x, options)
  expect(evaluation.loss).toBe(Number.POSITIVE_INFINITY)
  for (const term of terms(evaluation)) expect(term).not.toBeNaN()

  const scores = await vae.anomalyScore(x, options)
  expect(finite(scores[0])).toBeLessThan(1e3)
  expect(scores[1]).toBe(Number.POSITIVE_INFINITY)

  const likelihood = await vae.logLikelihood(x, { samples: 300, ...options })
  expect(finite(likelihood.perExample[0])).toBeGreaterThan(-1e3)
  expect(likelihood.perExample[1]).toBe(Number.NEGATIVE_INFINITY)
  expect(likelihood.mean).toBe(Number.NEGATIVE_INFINITY)
  expect(likelihood.standardError).toBeNaN()

  const { before, after, amortizationGap } = await vae.refine(x, { steps: 5, ...options })
  expect([before[1], after[1]]).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])
  const gain = (after[0] as number) - (before[0] as number)
  expect(finite(gain)).toBeGreaterThanOrEqual(0)
  expect(amortizationGap).toBe(gain / 2)

  // Training has to stop at such a row.
  const fit = vae.fit(x, { epochs: 1, ...options, verbose: false })
  await expect(fit).rejects.toMatchObject({ code: 'DIVERGED' })
})
