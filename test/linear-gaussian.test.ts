/** Bounds and estimates of log p(x) against a model for which it has a closed form. */

import { describe, expect, test } from 'vitest'
import type { VAE } from '../src/index.js'
import { bits, generator } from './helpers/data.js'
import { LinearGaussian, type LinearPosterior } from './helpers/linear-gaussian.js'
import { expectNear, finite } from './helpers/near.js'

// Columns of W that are far from orthogonal, so that p(z|x) is correlated.
const model = new LinearGaussian(
  [
    [1.2, 0.9, -0.2],
    [0.7, 0.8, 0.3],
    [-0.5, 0.1, 0.9],
    [0.9, 0.4, 0.6],
    [0.2, -0.6, 0.5],
  ],
  [0.5, -1, 0.3, 0, 2],
  0.4,
)
const x = model.rows(24, generator(3))
const exact = model.logLikelihoods(x)
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length
const logP = mean(exact)

/** The mean over draws of evaluate's bound, and its standard error, from batches of draws. */
async function elbo(vae: VAE): Promise<{ value: number; error: number }> {
  const values: number[] = []
  for (let seed = 0; seed < 20; seed++) values.push(-(await vae.evaluate(x, { samples: 200, seed })).loss)
  const value = mean(values)
  return { value, error: Math.sqrt(mean(values.map((v) => (v - value) ** 2)) / (values.length - 1)) }
}

/** The error of float32 sums over five features and three units, each of some nats: a few roundings of 2^-24 each. */
const FLOAT = 1e-5

describe('with p(z|x) as the posterior', () => {
  test('the bound of every draw is log p(x)', async () => {
    const vae = await model.vae(model.exact(), { kl: 'monteCarlo' })
    for (const samples of [1, 10]) {
      const { loss } = await vae.evaluate(x, { samples })
      expectNear(-loss, logP, { relative: FLOAT, absolute: FLOAT })
    }
    const { perExample, standardError } = await vae.logLikelihood(x, { samples: 3 })
    expectNear(perExample, exact, { relative: FLOAT, absolute: FLOAT })
    expect(standardError).toBeLessThan(FLOAT)
  })

  test('the bound with the closed form of the divergence is log p(x) on average', async () => {
    const { value, error } = await elbo(await model.vae(model.exact()))
    expect(Math.abs(value - logP)).toBeLessThan(3 * error + FLOAT)
    // The draws of −log p(x|z) alone do differ.
    expect(error).toBeGreaterThan(100 * FLOAT)
  })

  test('there is nothing for refine to gain', async () => {
    const vae = await model.vae(model.exact())
    const { after, before } = await vae.refine(x, { steps: 50, learningRate: 0.001, samples: 32 })
    expectNear(mean(after), mean(finite(before)), { absolute: 0.005 })
  })
})

describe('another posterior is below by its divergence from p(z|x)', () => {
  test('one whose mean is off', async () => {
    const shift = [0.3, -0.2, 0.1]
    const posterior = model.exact()
    const off = posterior.shift.map((value, i) => value + (shift[i] as number))
    const { value, error } = await elbo(await model.vae({ ...posterior, shift: off }, { kl: 'monteCarlo' }))
    const gap = model.gapOfShift(shift)
    expect(gap).toBeGreaterThan(0.1)
    expect(Math.abs(logP - value - gap)).toBeLessThan(3 * error + FLOAT)
  })

  test.each(['analytic', 'monteCarlo'] as const)('the best diagonal one, KL %s', async (kl) => {
    const { value, error } = await elbo(await model.vae(model.bestDiagonal(), { kl }))
    expect(model.diagonalGap).toBeGreaterThan(0.25)
    expect(error).toBeLessThan(0.05 * model.diagonalGap)
    expect(Math.abs(logP - value - model.diagonalGap)).toBeLessThan(3 * error + FLOAT)
  })

  test('any other diagonal one is lower', async () => {
    const best = model.bestDiagonal()
    const at = async (change: Partial<LinearPosterior>) => {
      const vae = await model.vae({ ...best, ...change })
      // The same noise in each.
      return -(await vae.evaluate(x, { samples: 4000, seed: 5 })).loss
    }
    const highest = finite(await at({}))
    for (let i = 0; i < 3; i++) {
      for (const by of [-0.4, 0.4]) {
        const moved = (values: readonly number[]) => values.map((value, j) => (i === j ? value + by : value))
        expect(finite(await at({ logVariance: moved(best.logVariance) }))).toBeLessThan(highest)
        expect(finite(await at({ shift: moved(best.shift) }))).toBeLessThan(highest)
      }
    }
  })
})

describe('logLikelihood is within three standard errors of log p(x)', () => {
  const posteriors: Record<string, LinearPosterior> = {
    'the best diagonal posterior': model.bestDiagonal(),
    'a wide posterior': { ...model.bestDiagonal(), logVariance: [0, 0, 0] },
    'the prior': { gain: model.gain.map((row) => row.map(() => 0)), shift: [0, 0, 0], logVariance: [0, 0, 0] },
  }
  test.each(Object.entries(posteriors))('from %s', async (_, posterior) => {
    const vae = await model.vae(posterior)
    const { mean: value, standardError, perExample } = await vae.logLikelihood(x)
    // With the prior as the proposal, few draws fit a row far out; the error is then unreliable, and rather too large.
    expect(standardError).toBeLessThan(0.1)
    expect(Math.abs(value - logP)).toBeLessThan(3 * standardError)
    expect(mean(perExample)).toBeCloseTo(value, 10)
  })
})

describe('refine', () => {
  test.each(['full', 'diagonal'] as const)(
    'closes the gap of a bad encoder with a %s posterior',
    async (covariance) => {
      const { cholesky, ...rest } = model.exact()
      const bad = {
        gain: rest.gain.map((row) => row.map((value) => 0.3 * value)),
        shift: [1, 0, -1],
        logVariance: [-3, 0.5, -1],
        ...(covariance === 'full' && cholesky ? { cholesky: cholesky.map((row) => row.map(() => 0)) } : {}),
      }
      const vae = await model.vae(bad)
      const trained = bits(vae)
      const { before, after, amortizationGap } = await vae.refine(x, { steps: 400, learningRate: 0.05 })
      const best = logP - (covariance === 'full' ? 0 : model.diagonalGap)
      expect(best - mean(finite(before))).toBeGreaterThan(1)
      expect(amortizationGap).toBeCloseTo(mean(after) - mean(before), 10)
      // Each of a bound's 256 draws may be off by a nat or so in each row, so the bound is off by 1/16 of that.
      expect(Math.abs(best - mean(after))).toBeLessThan(0.05)
      expect(bits(vae)).toEqual(trained)
    },
  )
})
