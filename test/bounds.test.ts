/** The order of bounds of log p(x), and estimators of their gradient, which have equal means but different variances. */

import { describe, expect, test } from 'vitest'
import { type Tensor, VAE, type VAEConfig } from '../src/index.js'
import { parseConfig } from '../src/options/config.js'
import { bench } from './helpers/bench-addon.js'
import { curve, generator, small } from './helpers/data.js'
import { LinearGaussian, type LinearPosterior, times } from './helpers/linear-gaussian.js'
import { finite } from './helpers/near.js'

/** A mean over repetitions, and its standard error. */
interface Estimate {
  readonly value: number
  readonly error: number
}

function estimate(values: readonly number[]): Estimate {
  const value = values.reduce((sum, v) => sum + v, 0) / values.length
  const squares = values.reduce((sum, v) => sum + (v - value) ** 2, 0)
  return { value, error: Math.sqrt(squares / (values.length - 1) / values.length) }
}

async function repeated(times: number, once: (seed: number) => Promise<number>): Promise<Estimate> {
  const values: number[] = []
  for (let seed = 0; seed < times; seed++) values.push(await once(seed))
  return estimate(values)
}

describe('on a trained model', () => {
  const x = curve(60, 12, 2)
  const fitted = async (config: VAEConfig) => {
    const vae = new VAE(config)
    await vae.fit(curve(300), {
      epochs: 60,
      batchSize: 50,
      optimizer: { type: 'adam', learningRate: 0.01 },
      verbose: false,
    })
    return vae
  }
  // Grey values as draws of 0 and 1, so that p(x|z) is a probability of what is scored.
  const config: VAEConfig = { ...small, likelihood: { type: 'bernoulli', binarize: 'threshold' } }

  test('ELBO < IWAE-5 < IWAE-50 < IWAE-5000', async () => {
    const vae = await fitted(config)
    const elbo = await repeated(40, async (seed) => -(await vae.evaluate(x, { seed })).loss)
    const iwae = (samples: number, seeds: number) =>
      repeated(seeds, async (seed) => (await vae.logLikelihood(x, { samples, seed })).mean)
    const bounds = [elbo, await iwae(5, 40), await iwae(50, 40), await iwae(5000, 5)]
    for (const [i, upper] of bounds.slice(1).entries()) {
      const lower = bounds[i] as Estimate
      // The difference is larger than the noise of both, so that the order is confirmed.
      expect(upper.value - lower.value, `${i}`).toBeGreaterThan(3 * Math.hypot(upper.error, lower.error))
    }
    // With one draw the importance-weighted bound is the ELBO.
    const single = await iwae(1, 40)
    expect(Math.abs(single.value - elbo.value)).toBeLessThan(3 * Math.hypot(single.error, elbo.error))
  })

  test('the loss of an importance-weighted model in evaluate is that bound', async () => {
    const vae = await fitted({ ...config, objective: { bound: 'iwae', samples: 5 } })
    const loss = await repeated(40, async (seed) => -(await vae.evaluate(x, { seed })).loss)
    const bound = await repeated(40, async (seed) => (await vae.logLikelihood(x, { samples: 5, seed })).mean)
    expect(Math.abs(loss.value - bound.value)).toBeLessThan(3 * Math.hypot(loss.error, bound.error))
  })
})

/** Mean, its standard error and the variance of each element of a gradient, over the noise of many steps. */
interface Moments {
  readonly count: number
  readonly mean: number[]
  readonly variance: number[]
}

async function gradientMoments(
  config: VAEConfig,
  parameters: Readonly<Record<string, Float32Array>>,
  x: Tensor<Float32Array>,
  steps: number,
): Promise<Record<string, Moments>> {
  const model = new bench.Model(parseConfig(config).spec)
  model.writeParameters({ ...model.readParameters(), ...parameters })
  const rows = new bench.Dataset(x.data, x.shape[1] as number)
  const sums: Record<string, { sum: Float64Array; squares: Float64Array }> = {}
  for (let step = 0; step < steps; step++) {
    const { gradients } = bench.gradient(model, rows, { threads: 1, step })
    for (const [name, gradient] of Object.entries(gradients)) {
      sums[name] ??= { sum: new Float64Array(gradient.length), squares: new Float64Array(gradient.length) }
      const { sum, squares } = sums[name]
      gradient.forEach((g, i) => {
        sum[i] = (sum[i] as number) + g
        squares[i] = (squares[i] as number) + g * g
      })
    }
  }
  const moments = ({ sum, squares }: { sum: Float64Array; squares: Float64Array }): Moments => {
    const mean = Array.from(sum, (s) => s / steps)
    const variance = Array.from(squares, (s, i) => ((s / steps - (mean[i] as number) ** 2) * steps) / (steps - 1))
    return { count: steps, mean, variance }
  }
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, moments(sum)]))
}

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
/** The summed variance of the gradients that decide q(z|x). */
const encoderVariance = (moments: Record<string, Moments>) =>
  finite(
    total(Object.entries(moments).map(([name, { variance }]) => (name.startsWith('latent.') ? total(variance) : 0))),
  )

/** How many standard errors the means of two estimators are apart, at most, over the elements of these tensors. */
function farthest(a: Record<string, Moments>, b: Record<string, Moments>, prefix = ''): number {
  const compared = Object.entries(a).filter(([name]) => name.startsWith(prefix))
  const far = compared.flatMap(([name, one]) => {
    const other = b[name] as Moments
    return one.mean.map((value, i) => {
      const error = Math.sqrt((one.variance[i] as number) / one.count + (other.variance[i] as number) / other.count)
      // An element without noise in either is the same but for rounding.
      return Math.abs(value - (other.mean[i] as number)) / (error + 1e-6 * (1 + Math.abs(value)))
    })
  })
  expect(far.length).toBeGreaterThan(0)
  return Math.max(...far)
}

/** One of some hundred elements is farther than this once in a thousand runs; the noise is the same in every run. */
const FAR = 4.5

describe('the variance of the gradient by the encoder', () => {
  // p(x|z) = N(W z + b, σ² I) has a Hessian that no z changes: A = Wᵀ W / σ². With q = N(m, D) and one draw a row, the
  // gradient of a row by m is A z + const with the closed form of the divergence, and (A + I) z + const without.
  const model = new LinearGaussian(
    [
      [0.8, 0.3],
      [-0.2, 0.6],
      [0.5, 0.5],
      [0.1, -0.7],
    ],
    [0, 0, 0, 0],
    0.5,
  )
  const rows = 8
  const x = model.rows(rows, generator(8))
  const hessian = model.precision.map((row, i) => row.map((value, j) => value - (i === j ? 1 : 0)))
  const like = (a: readonly (readonly number[])[], variances: readonly number[]) => {
    const scaled = a.map((row) => row.map((value, j) => value * (variances[j] as number)))
    return times(scaled, a).map((row, i) => (row[i] as number) / rows)
  }
  const posteriors: Record<string, LinearPosterior> = {
    'the prior': { gain: [Array(4).fill(0), Array(4).fill(0)], shift: [0, 0], logVariance: [0, 0] },
    'the best diagonal posterior': model.bestDiagonal(),
  }
  const steps = 4000

  test.each(Object.entries(posteriors))('is what theory says, and lower with the closed form, at %s', async (_, q) => {
    const variances = q.logVariance.map(Math.exp)
    const measured = async (kl: 'analytic' | 'monteCarlo') =>
      (await gradientMoments(model.config('diagonal', { kl }), model.parameters(q), x, steps))['latent.mean.bias']
        ?.variance as number[]
    const [analytic, monteCarlo] = [await measured('analytic'), await measured('monteCarlo')]
    // A variance of normal numbers has a relative standard error of √(2 / steps); five times that is never seen.
    const tolerance = 5 * Math.sqrt(2 / steps)
    like(hessian, variances).forEach((expected, i) => {
      expect(Math.abs((analytic[i] as number) / expected - 1)).toBeLessThan(tolerance)
    })
    like(model.precision, variances).forEach((expected, i) => {
      expect(Math.abs((monteCarlo[i] as number) / expected - 1)).toBeLessThan(tolerance)
      expect(analytic[i]).toBeLessThan(monteCarlo[i] as number)
    })
  })

  test('is 0 with the closed form if the loss is the divergence alone', async () => {
    const varianceWith = async (kl: 'analytic' | 'monteCarlo') => {
      const config = model.config('diagonal', { kl, weights: { reconstruction: 0 } })
      return encoderVariance(await gradientMoments(config, model.parameters(model.bestDiagonal()), x, 200))
    }
    expect(await varianceWith('analytic')).toBeLessThan(1e-12)
    expect(await varianceWith('monteCarlo')).toBeGreaterThan(1e-3)
  })

  test('is far lower reparameterised than by the score function, and lower with a baseline than without', async () => {
    const samples = 4
    const varianceWith = async (objective: VAEConfig['objective']) => {
      const config = model.config('diagonal', { samples, ...objective })
      return encoderVariance(await gradientMoments(config, model.parameters(model.bestDiagonal()), x, 2000))
    }
    const reparameterized = await varianceWith({})
    const leaveOneOut = await varianceWith({ estimator: 'scoreFunction', baseline: 'leaveOneOut' })
    const none = await varianceWith({ estimator: 'scoreFunction', baseline: 'none' })
    // The score function multiplies its noise by the whole loss, some nats; with a baseline, by the loss's change with z.
    expect(leaveOneOut).toBeLessThan(none / 2)
    expect(reparameterized).toBeLessThan(leaveOneOut / 2)
    expect(reparameterized).toBeLessThan(none / 20)
  })

  test('is lower doubly reparameterised than otherwise, with many draws', async () => {
    const varianceWith = async (bound: 'iwae' | 'dreg') => {
      const config = model.config('diagonal', { bound, samples: 32 })
      return encoderVariance(await gradientMoments(config, model.parameters(model.bestDiagonal()), x, 1000))
    }
    expect(await varianceWith('dreg')).toBeLessThan((await varianceWith('iwae')) / 2)
  })
})

describe('the mean of the gradient does not depend on the estimator', () => {
  const x = curve(8, 6)
  const base: VAEConfig = { input: 6, encoder: [], decoder: [5], activation: 'tanh', initializer: 'glorotNormal' }
  const groups = [
    { type: 'gaussian', units: 2 },
    { type: 'gaussian', units: 2, covariance: 'full' },
    { type: 'laplace', units: 2 },
    { type: 'logistic', units: 2 },
  ] as const
  const moments = (config: VAEConfig, steps: number) => gradientMoments(config, {}, x, steps)

  test.each(groups.flatMap((latent) => (['analytic', 'monteCarlo'] as const).map((kl) => ({ ...latent, kl }))))(
    'score function and reparameterised: $type $covariance, KL $kl',
    async ({ kl, ...latent }) => {
      const reparameterized = await moments({ ...base, latent, objective: { kl } }, 3000)
      const objective = { kl, estimator: 'scoreFunction', baseline: 'leaveOneOut', samples: 4 } as const
      const score = await moments({ ...base, latent, objective }, 6000)
      expect(farthest(reparameterized, score)).toBeLessThan(FAR)
    },
  )

  test('KL in closed form and by draws', async () => {
    const [analytic, monteCarlo] = [
      await moments({ ...base, latent: 2, objective: { kl: 'analytic' } }, 3000),
      await moments({ ...base, latent: 2, objective: { kl: 'monteCarlo' } }, 3000),
    ]
    expect(farthest(analytic, monteCarlo)).toBeLessThan(FAR)
  })

  test('the bound’s own and the doubly reparameterised, which is the same for the decoder', async () => {
    const withBound = (bound: 'iwae' | 'dreg'): VAEConfig => ({ ...base, latent: 2, objective: { bound, samples: 4 } })
    const [iwae, dreg] = [await moments(withBound('iwae'), 4000), await moments(withBound('dreg'), 4000)]
    expect(farthest(iwae, dreg, 'latent.')).toBeLessThan(FAR)
    for (const [name, { mean }] of Object.entries(dreg)) {
      if (!name.startsWith('latent.')) expect(mean, name).toEqual(iwae[name]?.mean)
    }
    expect(dreg['latent.mean.bias']?.mean).not.toEqual(iwae['latent.mean.bias']?.mean)
  })
})
