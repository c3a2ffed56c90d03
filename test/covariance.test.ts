/** Gaussian decoders with a covariance, compared with known densities, draws and entropies. */

import { describe, expect, test } from 'vitest'
import { VAE, type VAEConfig } from '../src/index.js'
import { generator } from './helpers/data.js'
import { cholesky, logDeterminant, logNormal, times, transpose } from './helpers/linear-gaussian.js'
import { vaeWith } from './helpers/vae-with.js'

type Matrix = readonly (readonly number[])[]

/** A decoder without weights puts out the same for every z, and an encoder without weights the prior: p(x) = p(x|z). */
const constant = { encoder: [], latent: 1, decoder: [] } satisfies VAEConfig
const quiet = { verbose: false } as const

/** C = L Lᵀ with L = (I − Φ)⁻¹ diag(√variance), Φ row by row. */
function fullCovariance(regression: readonly number[], variance: readonly number[]): number[][] {
  const factor: number[][] = []
  variance.forEach((value, i) => {
    const row = variance.map((_, j) => (i === j ? Math.sqrt(value) : 0))
    for (let j = 0; j < i; j++) {
      const coefficient = regression[(i * (i - 1)) / 2 + j] as number
      for (let k = 0; k <= j; k++) row[k] = (row[k] as number) + coefficient * ((factor[j] as number[])[k] as number)
    }
    factor.push(row)
  })
  return times(factor, transpose(factor))
}

/** C = W Wᵀ + diag(variance), W row by row. */
function lowRankCovariance(factor: readonly number[], variance: readonly number[]): number[][] {
  const rank = factor.length / variance.length
  const w = variance.map((_, i) => factor.slice(i * rank, (i + 1) * rank))
  return times(w, transpose(w)).map((row, i) =>
    row.map((value, j) => (i === j ? value + (variance[i] as number) : value)),
  )
}

const mean = [0.5, -1, 2]
const variance = 0.25
const regression = [1.5, -0.75, 0.5]
const factor = [1, 0.5, -0.5, 1.25, 0.75, -1]
const known = [
  {
    name: 'full',
    model: () =>
      vaeWith(
        { ...constant, input: 3, likelihood: { type: 'gaussian', covariance: 'full', variance } },
        {
          'likelihood.mean.bias': Float32Array.from(mean),
          'likelihood.regression.bias': Float32Array.from(regression),
        },
      ),
    covariance: fullCovariance(regression, [variance, variance, variance]),
  },
  {
    name: 'of low rank',
    model: () =>
      vaeWith(
        { ...constant, input: 3, likelihood: { type: 'gaussian', covariance: 'lowRank', rank: 2, variance } },
        { 'likelihood.mean.bias': Float32Array.from(mean), 'likelihood.factor.bias': Float32Array.from(factor) },
      ),
    covariance: lowRankCovariance(factor, [variance, variance, variance]),
  },
] as const

describe.each(known)('a covariance that is $name and known', ({ model, covariance }) => {
  const random = generator(4)
  const x = Array.from({ length: 40 }, () => mean.map((m) => m + 6 * (random() - 0.5)))
  const exact = x.map((row) => logNormal(row.map(Math.fround), mean, covariance))

  test('gives the density of that normal distribution everywhere', async () => {
    const vae = await model()
    const { perExample } = await vae.logLikelihood(x, { samples: 1 })
    const scores = await vae.anomalyScore(x)
    exact.forEach((wanted, i) => {
      // The terms are of up to |wanted|, and a float32 has seven digits.
      expect(Math.abs((perExample[i] as number) - wanted)).toBeLessThan(1e-5 * (1 + Math.abs(wanted)))
      expect(Math.abs((scores[i] as number) + wanted)).toBeLessThan(1e-5 * (1 + Math.abs(wanted)))
    })
    const average = exact.reduce((sum, value) => sum + value) / exact.length
    const { loss, kl } = await vae.evaluate(x)
    expect(loss).toBeCloseTo(-average, 4)
    expect(kl).toBe(0)
  })

  test('is that of its draws, and their mean is what decode gives without', async () => {
    const vae = await model()
    const count = 40_000
    const { data } = await vae.sample(count, { draw: true, seed: 3 })
    const plain = await vae.sample(2)
    expect([...plain.data]).toEqual([...mean, ...mean])
    const average = mean.map((_, i) => {
      let sum = 0
      for (let r = 0; r < count; r++) sum += data[3 * r + i] as number
      return sum / count
    })
    for (let i = 0; i < 3; i++) {
      const varianceOf = (k: number) => (covariance[k] as number[])[k] as number
      expect(Math.abs((average[i] as number) - (mean[i] as number))).toBeLessThan(5 * Math.sqrt(varianceOf(i) / count))
      for (let j = 0; j <= i; j++) {
        let sum = 0
        for (let r = 0; r < count; r++) {
          sum +=
            ((data[3 * r + i] as number) - (mean[i] as number)) * ((data[3 * r + j] as number) - (mean[j] as number))
        }
        const wanted = (covariance[i] as number[])[j] as number
        // The standard error of a normal distribution's sample covariance.
        const error = Math.sqrt((varianceOf(i) * varianceOf(j) + wanted ** 2) / count)
        expect(Math.abs(sum / count - wanted)).toBeLessThan(5 * error)
      }
    }
  })
})

test.each<[string, VAEConfig['likelihood'], Record<string, number[]>]>([
  ['full', { type: 'gaussian', covariance: 'full' }, { regression: [-1.25] }],
  ['of low rank', { type: 'gaussian', covariance: 'lowRank', rank: 1 }, { factor: [0.75, -1.5] }],
])('a density with a covariance that is %s integrates to 1 over the plane', async (_, likelihood, own) => {
  const biases = { mean: [0.25, -0.5], logVariance: [-0.5, 0.75], ...own }
  const values = Object.entries(biases).map(([name, bias]) => [`likelihood.${name}.bias`, Float32Array.from(bias)])
  const vae = await vaeWith({ ...constant, input: 2, likelihood }, Object.fromEntries(values))
  // The trapezoidal rule, which is exact for a normal distribution from two points a standard deviation on.
  const [step, reach] = [0.25, 12]
  const axis = Array.from({ length: (2 * reach) / step + 1 }, (_, i) => i * step - reach)
  const x = axis.flatMap((a) => axis.map((b) => [a, b]))
  const { perExample } = await vae.logLikelihood(x, { samples: 1 })
  const total = perExample.reduce((sum, value) => sum + step ** 2 * Math.exp(value), 0)
  expect(Math.abs(total - 1)).toBeLessThan(1e-5)
})

describe('trained on rows of a known normal distribution', () => {
  const D = 6

  /** Rows of N(0, covariance), and the exact mean of their −log p(x). */
  function rows(covariance: Matrix, count: number, seed: number) {
    const random = generator(seed)
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const factor = cholesky(covariance)
    const x = Array.from({ length: count }, () => {
      const noise = factor.map(normal)
      return factor.map((row) => row.reduce((sum, value, j) => sum + value * (noise[j] as number), 0))
    })
    const zero = factor.map(() => 0)
    return { x, loss: -x.reduce((sum, row) => sum + logNormal(row, zero, covariance), 0) / count }
  }

  const trained = async (x: readonly number[][], likelihood: VAEConfig['likelihood']) => {
    const vae = new VAE({ input: D, encoder: [16], latent: 1, decoder: [16], activation: 'tanh', likelihood, seed: 2 })
    const schedule = { type: 'cosine' } as const
    await vae.fit(x as number[][], { epochs: 40, batchSize: 64, learningRate: 0.01, schedule, ...quiet })
    return vae
  }

  // Each feature follows the one before: the best of one direction and independent noise is far from it.
  const chain = Array.from({ length: D }, (_, i) => Array.from({ length: D }, (_, j) => 0.9 ** Math.abs(i - j)))
  const train = rows(chain, 4000, 1)
  const held = rows(chain, 4000, 2)

  test('a full covariance reaches its entropy, which a diagonal one cannot', async () => {
    const entropy = 0.5 * (D * (1 + Math.log(2 * Math.PI)) + logDeterminant(chain))
    expect(Math.abs(held.loss - entropy)).toBeLessThan(0.15)
    const full = await trained(train.x, { type: 'gaussian', covariance: 'full' })
    const { loss } = await full.evaluate(held.x)
    // 27 numbers that are estimated from 4,000 rows cost 27/8,000 nats.
    expect(loss - held.loss).toBeLessThan(0.03)
    expect(loss - held.loss).toBeGreaterThan(-0.01)
    const diagonal = await trained(train.x, { type: 'gaussian', variance: 'perDatum' })
    expect((await diagonal.evaluate(held.x)).loss - held.loss).toBeGreaterThan(0.5)
  })

  test('a covariance of low rank reaches the entropy of a matrix of low rank plus a diagonal', async () => {
    const factor = [1, 0, -1, 0.5, 0.5, 1, 0, 1.5, -0.5, -1, 1, 0.25]
    const covariance = lowRankCovariance(factor, [0.1, 0.2, 0.1, 0.3, 0.1, 0.2])
    const [training, heldOut] = [rows(covariance, 4000, 3), rows(covariance, 4000, 4)]
    const likelihood = { type: 'gaussian', covariance: 'lowRank', rank: 2, variance: 'perFeature' } as const
    const { loss } = await (await trained(training.x, likelihood)).evaluate(heldOut.x)
    expect(loss - heldOut.loss).toBeLessThan(0.04)
    expect(loss - heldOut.loss).toBeGreaterThan(-0.01)
  })
})

test('the tensors of a covariance are named after what they hold', () => {
  const names = (likelihood: VAEConfig['likelihood']) =>
    Object.entries(new VAE({ ...constant, input: 5, likelihood }).parameters())
      .filter(([name]) => name.startsWith('likelihood.') && !name.endsWith('weight'))
      .map(([name, { shape }]) => [name, shape[0]])
  expect(names({ type: 'gaussian', covariance: 'full' })).toEqual([
    ['likelihood.mean.bias', 5],
    ['likelihood.logVariance.bias', 5],
    ['likelihood.regression.bias', 10],
  ])
  expect(names({ type: 'gaussian', covariance: 'lowRank', rank: 3, variance: 'learned' })).toEqual([
    ['likelihood.mean.bias', 5],
    ['likelihood.factor.bias', 15],
    ['likelihood.logVariance', 1],
  ])
  expect(new VAE({ ...constant, input: 5, likelihood: { type: 'gaussian', covariance: 'full' } }).summary()).toMatch(
    /likelihood\.regression\.weight +\[10, 1\] +10\n/,
  )
})
