/** What is minimised, as it changes while a model trains: seen in the terms of each step, in gradients, and in bits. */

import { describe, expect, test } from 'vitest'
import { type BatchRecord, type FitOptions, type Objective, VAE, type VAEConfig } from '../src/index.js'
import { parseConfig } from '../src/options/config.js'
import { fitPlan } from '../src/options/fit-options.js'
import { bench } from './helpers/bench-addon.js'
import { bits, bitsOf, curve, small } from './helpers/data.js'
import { deviation } from './helpers/fixtures.js'
import { expectNear, finite } from './helpers/near.js'

const x = curve(60)
const quiet = { batchSize: 20, verbose: false } satisfies FitOptions
const STEPS = 3

/** The terms of every step in this many epochs. */
async function stepsOf(config: VAEConfig, epochs: number): Promise<BatchRecord[]> {
  const steps: BatchRecord[] = []
  const onBatchEnd = (_: number, record: BatchRecord) => steps.push(record)
  await new VAE(config).fit(x, { ...quiet, epochs, callbacks: { onBatchEnd } })
  return steps
}

/** How many epochs the model had trained when that step began. */
const time = ({ epoch, batch }: BatchRecord) => epoch - 1 + batch / STEPS

/** Digits to which results of a few operations in double agree. */
const EXACT = 12

describe('the weight of the divergence', () => {
  const factor = ({ loss, reconstruction, kl }: BatchRecord) => (loss - reconstruction) / kl
  test.each<[Objective['warmup'], (t: number) => number]>([
    [2, (t) => Math.min(1, t / 2)],
    [{ type: 'linear', epochs: 1.5 }, (t) => Math.min(1, t / 1.5)],
    [{ type: 'cosine', epochs: 2 }, (t) => (t < 2 ? 0.5 * (1 - Math.cos((Math.PI * t) / 2)) : 1)],
    [{ type: 'cyclical', epochs: 2, cycles: 2, rise: 0.5 }, (t) => (t < 2 ? Math.min(1, (t % 1) / 0.5) : 1)],
  ])('with the warm-up %j grows by its formula, to beta and not beyond', async (warmup, formula) => {
    const beta = 3
    const steps = await stepsOf({ ...small, objective: { beta, warmup } }, 4)
    expect(steps).toHaveLength(4 * STEPS)
    for (const step of steps) {
      expect(factor(step), `${time(step)}`).toBeCloseTo(beta * formula(time(step)), 8)
      // Once the factor is 1 the product is the same: the warm-up has no further effect.
      if (time(step) >= 2) expect(step.loss).toBe(step.reconstruction + beta * step.kl)
    }
  })

  test('grows over all fits of the model, not over one', async () => {
    const vae = new VAE({ ...small, objective: { warmup: 4 } })
    const factors: number[] = []
    const onBatchEnd = (batch: number, record: BatchRecord) => batch === 0 && factors.push(factor(record))
    for (let i = 0; i < 3; i++) await vae.fit(x, { ...quiet, epochs: 2, callbacks: { onBatchEnd } })
    expect(factors).toEqual([0, 0.25, 0.5, 0.75, 1, 1].map((value) => expect.closeTo(value, EXACT - 2)))
    // Evaluation uses the weight at the end of the warm-up.
    const { loss, reconstruction, kl } = await new VAE({ ...small, objective: { warmup: 4 } }).evaluate(x)
    expect(loss).toBe(reconstruction + kl)
  })

  test('is 0 or 1 if `weights` sets it so', async () => {
    const firstStep = async (weights: Objective['weights']) =>
      (await stepsOf({ ...small, objective: { weights } }, 1))[0]
    const [both, reconstruction, kl] = [
      await firstStep({}),
      await firstStep({ kl: 0 }),
      await firstStep({ reconstruction: 0 }),
    ]
    expect(both?.loss).toBe((both?.reconstruction as number) + (both?.kl as number))
    expect(reconstruction?.loss).toBe(reconstruction?.reconstruction)
    expect(kl?.loss).toBe(kl?.kl)
    // A term that is left out is still reported.
    expect(reconstruction?.kl).toBe(both?.kl)
    expect(kl?.reconstruction).toBe(both?.reconstruction)
  })
})

describe('the largest number that a config may have', () => {
  const most = 1e12
  test('as a weight still trains: gradients have squares that float32 holds', async () => {
    const divergence = async (objective: Objective) => {
      const vae = new VAE({ ...small, objective })
      const { kl: before } = await vae.evaluate(x)
      await vae.fit(x, { ...quiet, epochs: 20 })
      return finite((await vae.evaluate(x)).kl) / finite(before)
    }
    expect(await divergence({ beta: most })).toBeLessThan(0.1)
    // The capacity is 5 nats; the untrained model has a tenth of one.
    expect(await divergence({ capacity: { weight: most, nats: 5, epochs: 1 } })).toBeGreaterThan(10)
  })

  test.each<VAEConfig>([
    { objective: { totalCorrelation: most } },
    { objective: { mmd: most } },
    { objective: { freeBits: most } },
    { objective: { capacity: { weight: most, nats: most, epochs: 1 } } },
    { objective: { bound: 'iwae', samples: 2, beta: most } },
    { objective: { estimator: 'scoreFunction', kl: 'monteCarlo', beta: most } },
    { latent: { type: 'gaussian', units: 2, prior: { type: 'normal', mean: most, variance: 1 / most } } },
    {
      latent: { type: 'laplace', units: 2, prior: { type: 'normal', mean: -most, variance: 1 / most, learned: true } },
    },
    { latent: { type: 'gaussian', units: 2, prior: { type: 'normal', mean: most, variance: most } } },
    { activation: 'tanh', corruption: { type: 'gaussian', std: most } },
  ])('leaves losses and parameters finite: %j', async (config) => {
    const { epochs } = await new VAE({ ...small, ...config }).fit(x, { ...quiet, epochs: 5 })
    expect(epochs).toHaveLength(5)
    for (const { loss, reconstruction, kl } of epochs) {
      expect([loss, reconstruction, kl].every(Number.isFinite), `${loss} = ${reconstruction} + ${kl}`).toBe(true)
    }
  })
})

test('a capacity grows linearly to its end, and what counts is the distance from it', async () => {
  const capacity = { weight: 5, nats: 2, epochs: 2 }
  const steps = await stepsOf({ ...small, objective: { capacity } }, 4)
  expect(steps).toHaveLength(4 * STEPS)
  for (const step of steps) {
    const at = 2 * Math.min(1, time(step) / 2)
    expect(finite(step.loss), `${time(step)}`).toBeCloseTo(step.reconstruction + 5 * Math.abs(step.kl - at), EXACT - 2)
  }
})

test.each<Objective>([
  { freeBits: { nats: 50, per: 'group' } },
  { capacity: { weight: 5, nats: 20, epochs: 1 } },
  { totalCorrelation: 4 },
  { mmd: 4 },
  { beta: 3, warmup: 10 },
])('%j: evaluation and scores depend neither on other rows nor on the time of training', async (objective) => {
  const vae = new VAE({ ...small, objective })
  const { loss, reconstruction, kl } = await vae.evaluate(x)
  expect(loss).toBe(reconstruction + (objective.beta ?? 1) * kl)
  const plain = await new VAE(small).anomalyScore(x)
  const scores = await vae.anomalyScore(x)
  // Another kernel computes the same sums, each with some roundings of 2^-24.
  expectNear(scores, finite(plain), { relative: 2 ** -20 })
})

/** The core's model after so many epochs, with these parameters, and its gradient in some step. */
async function gradientAfter(config: VAEConfig, epochs: number, parameters?: Record<string, Float32Array>) {
  const model = new bench.Model(parseConfig(config).spec)
  const rows = new bench.Dataset(x.data, 12)
  model.beginFit(fitPlan(quiet).spec)
  for (let i = 0; i < epochs; i++) await model.trainEpoch(rows, { threads: 1, batchInterval: 0 }).promise
  if (parameters) model.writeParameters(parameters)
  const { gradients, ...terms } = bench.gradient(model, rows, { threads: 1, step: 9 })
  const digests = Object.fromEntries(Object.entries(gradients).map(([name, data]) => [name, bitsOf(data)]))
  return { parameters: model.readParameters(), gradients, terms, digests }
}

describe('a temperature', () => {
  const config = (temperature: NonNullable<unknown>): VAEConfig => ({
    ...small,
    latent: [
      { type: 'categorical', units: 2, classes: 3, temperature: temperature as number },
      { type: 'bernoulli', units: 2, temperature: temperature as number },
    ],
  })
  test.each([
    ['linear', [1.5, 1, 0.5, 0.5]],
    ['exponential', [1.5, Math.sqrt(1.5 * 0.5), 0.5, 0.5]],
  ] as const)('falls by its formula for %s, and stays at its end', async (decay, expected) => {
    for (const [epochs, temperature] of expected.entries()) {
      const scheduled = await gradientAfter(config({ start: 1.5, end: 0.5, epochs: 2, decay }), epochs)
      const constant = await gradientAfter(config(temperature), 0, scheduled.parameters)
      expect(scheduled.digests, `${epochs}`).toEqual(constant.digests)
      expect(scheduled.terms, `${epochs}`).toEqual(constant.terms)
    }
  })
})

describe('free bits', () => {
  const per = ['dimension', 'group'] as const
  test.each(per)('per %s: a divergence below them costs nothing and has no gradient', async (per) => {
    const free = await gradientAfter({ ...small, objective: { freeBits: { nats: 100, per } } }, 0)
    const without = await gradientAfter({ ...small, objective: { weights: { kl: 0 } } }, 0)
    expect(free.digests).toEqual(without.digests)
    expect(free.terms.loss).toBeCloseTo(free.terms.reconstruction + 100 * (per === 'dimension' ? 2 : 1), EXACT - 3)
  })

  test.each(per)('per %s: a divergence above them counts as without', async (per) => {
    // After some epochs both dimensions are in use.
    const plain = await gradientAfter(small, 40)
    const free = await gradientAfter({ ...small, objective: { freeBits: { nats: 1e-3, per } } }, 0, plain.parameters)
    expect(plain.terms.kl).toBeGreaterThan(0.1)
    // Another kernel computes the same sums, each with some roundings of 2^-24.
    for (const [name, gradient] of Object.entries(plain.gradients)) {
      expect(deviation(free.gradients[name] ?? [], gradient), name).toBeLessThan(2 ** -20)
    }
    expect(Object.keys(free.gradients)).toEqual(Object.keys(plain.gradients))
    expectNear(free.terms.loss, finite(plain.terms.loss), { relative: 2 ** -20 })
  })
})

describe('binarize', () => {
  const config = (binarize: 'none' | 'threshold' | 'stochastic'): VAEConfig => ({
    ...small,
    likelihood: { type: 'bernoulli', binarize },
  })
  const zeroOne = { ...x, data: x.data.map((value) => (value > 0.5 ? 1 : 0)) }
  const trained = async (binarize: 'none' | 'threshold' | 'stochastic', on = x, threads = 0) => {
    const vae = new VAE(config(binarize))
    const { epochs } = await vae.fit(on, { ...quiet, epochs: 3, threads })
    return { vae, losses: epochs.map(({ loss }) => loss) }
  }

  test('by threshold trains and scores as rows of 0 and 1 would', async () => {
    const [cut, plain] = [await trained('threshold'), await trained('none', zeroOne)]
    expect(bits(cut.vae)).toEqual(bits(plain.vae))
    expect(cut.losses).toEqual(plain.losses)
    expect(await cut.vae.evaluate(x)).toEqual(await plain.vae.evaluate(zeroOne))
    expect(bits((await trained('none')).vae)).not.toEqual(bits(plain.vae))
  })

  test('at random is the same for a seed, in evaluation too, and leaves 0 and 1 as they are', async () => {
    const [one, two] = [await trained('stochastic', x, 1), await trained('stochastic', x, 2)]
    expect(bits(one.vae)).toEqual(bits(two.vae))
    expect(one.losses).toEqual(two.losses)
    expect(bits(one.vae)).not.toEqual(bits((await trained('threshold')).vae))
    const evaluated = await one.vae.evaluate(x, { seed: 1 })
    expect(await two.vae.evaluate(x, { seed: 1, threads: 2 })).toEqual(evaluated)
    expect(await two.vae.evaluate(x, { seed: 2 })).not.toEqual(evaluated)
    expect(bits((await trained('stochastic', zeroOne)).vae)).toEqual(bits((await trained('none', zeroOne)).vae))
  })

  test('at random draws each epoch anew', async () => {
    // A decoder that does not depend on x, and a step too small to change it: a loss shows how many ones were drawn.
    const vae = new VAE({ input: 12, encoder: [], latent: 1, decoder: [], likelihood: config('stochastic').likelihood })
    const { epochs } = await vae.fit(x, {
      epochs: 5,
      batchSize: 60,
      learningRate: 1e-9,
      shuffle: false,
      verbose: false,
    })
    expect(new Set(epochs.map(({ reconstruction }) => reconstruction)).size).toBe(5)
  })
})

describe('corruption', () => {
  test.each<VAEConfig['corruption']>([
    { type: 'gaussian', std: 0.5 },
    { type: 'masking', probability: 0.3 },
    { type: 'saltAndPepper', probability: 0.3 },
  ])('%j is drawn from the seed, and only in training', async (corruption) => {
    const fitted = async (config: VAEConfig, threads = 0) => {
      const vae = new VAE(config)
      await vae.fit(x, { ...quiet, epochs: 2, threads })
      return vae
    }
    const config = { ...small, corruption }
    const vae = await fitted(config, 1)
    expect(bits(await fitted(config, 2))).toEqual(bits(vae))
    expect(bits(await fitted(small))).not.toEqual(bits(vae))
    // A model without corruption and with the same parameters gives the same results.
    const fresh = [new VAE(config), new VAE(small)]
    expect(bits(fresh[0] as VAE)).toEqual(bits(fresh[1] as VAE))
    const answers = await Promise.all(
      fresh.map(async (model) => [
        await model.encode(x),
        await model.reconstruct(x),
        await model.evaluate(x),
        await model.logLikelihood(x, { samples: 3 }),
        await model.anomalyScore(x),
      ]),
    )
    expect(answers[0]).toEqual(answers[1])
  })
})

describe('a deterministic model', () => {
  const config: VAEConfig = { ...small, objective: { deterministic: true } }

  test('has no divergence and no noise', async () => {
    const vae = new VAE(config)
    const { epochs } = await vae.fit(x, { ...quiet, epochs: 2 })
    expect(epochs).toHaveLength(2)
    for (const { loss, reconstruction, kl } of epochs) expect([finite(loss), kl]).toEqual([reconstruction, 0])
    const evaluated = await vae.evaluate(x, { seed: 1 })
    finite(evaluated.loss)
    // A BLAS may round the products of three draws otherwise than those of one, in single precision, for a loss near 8.
    const rounded = (value: number) => expect.closeTo(value, 5)
    expect(await vae.evaluate(x, { seed: 2, samples: 3 })).toEqual({
      ...evaluated,
      loss: rounded(evaluated.loss),
      reconstruction: rounded(evaluated.reconstruction),
    })
    const scores = await vae.anomalyScore(x)
    expect(scores.reduce((sum, score) => sum + score) / 60).toEqual(rounded(evaluated.loss))
  })

  test('has no likelihood of the data, and no posterior to refine', async () => {
    const vae = new VAE(config)
    const message = (method: string) =>
      `Expected a model with a posterior for ${method}, which a deterministic one has not, for objective.deterministic but received true of type boolean`
    await expect(vae.logLikelihood(x)).rejects.toThrow(message('logLikelihood'))
    await expect(vae.refine(x)).rejects.toThrow(message('refine'))
  })
})

describe('two fits of 2 epochs are one of 4', () => {
  const discrete = { type: 'bernoulli', units: 3, temperature: { start: 1, end: 0.3, epochs: 4 } } as const
  test.each<[string, VAEConfig]>([
    ['a warm-up', { ...small, objective: { warmup: 3 } }],
    ['a cyclical warm-up', { ...small, objective: { warmup: { type: 'cyclical', epochs: 4, cycles: 3 } } }],
    ['a capacity', { ...small, objective: { capacity: { weight: 2, nats: 3, epochs: 4 } } }],
    ['a temperature', { ...small, latent: discrete }],
    ['a moving baseline', { ...small, objective: { estimator: 'scoreFunction', samples: 2 } }],
    ['binary images drawn anew', { ...small, likelihood: { type: 'bernoulli', binarize: 'stochastic' } }],
    ['corruption', { ...small, corruption: { type: 'gaussian', std: 0.3 } }],
    ['a discrepancy', { ...small, objective: { mmd: 3 } }],
  ])('with %s', async (_, config) => {
    const [once, twice] = [new VAE(config), new VAE(config)]
    await once.fit(x, { ...quiet, epochs: 4 })
    await twice.fit(x, { ...quiet, epochs: 2 })
    // Using the model between the fits changes nothing.
    await twice.evaluate(x)
    await twice.fit(x, { ...quiet, epochs: 2 })
    expect(bits(twice)).toEqual(bits(once))
    const terms = ({ history }: VAE) => history.epochs.map(({ seconds: _, ...rest }) => rest)
    expect(terms(twice)).toEqual(terms(once))
  })
})
