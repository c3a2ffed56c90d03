/** The package compared with PyTorch: test/fixtures/make.py stored its results, as test/fixtures/README.md explains. */

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type FitOptions, type Tensor, VAE, type VAEConfig } from '../src/index.js'
import { parseConfig } from '../src/options/config.js'
import { bench } from './helpers/bench-addon.js'
import {
  deviation,
  expectTerms,
  fixtures,
  json,
  names,
  readTensors,
  type Terms,
  withPrefix,
} from './helpers/fixtures.js'
import { expectNear } from './helpers/near.js'

/** expected/<model>.json */
interface Expected {
  readonly terms: Terms
  readonly evaluate: Terms & { readonly seed: number }
  readonly sample: { readonly seed: number }
  readonly logLikelihood: {
    readonly seed: number
    readonly samples: number
    readonly perExample: readonly number[]
    readonly variance: readonly number[]
  }
  readonly anomalyScore: readonly number[]
}

/** training/<run>.json */
interface Run {
  readonly model: string
  readonly fit: FitOptions
  readonly epochs: readonly Terms[]
}

/** The tolerance of everything that is computed once. */
const ONCE = 1e-5
/**
 * After 50 steps, each of which starts from float32 parameters. Adam divides a gradient by its own size, so a weight
 * whose gradient almost cancels moves by its rounding error: the worst of all weights here is off by 1.1e-5.
 */
const TRAINED = 3e-5

const models = names('models')
const runs = names('training', '.json')

function expectTensor(actual: Tensor | undefined, wanted: Tensor | undefined, tolerance: number, name: string): void {
  if (!actual || !wanted) throw new Error(`${name} is missing`)
  expect(actual.shape, name).toEqual(wanted.shape)
  expect(deviation(actual.data, wanted.data), name).toBeLessThan(tolerance)
}

describe.each(models)('the model %s', (name) => {
  const load = () => VAE.load(join(fixtures, 'models', name))
  const wanted = json<Expected>('expected', `${name}.json`)
  const tensors = () => readTensors('expected', `${name}.safetensors`)
  const parameters = () => readTensors('models', name, 'model.safetensors')

  test('has the parameters of its state_dict', async () => {
    const actual = (await load()).parameters()
    const stored = parameters()
    expect(Object.keys(actual).sort()).toEqual(Object.keys(stored).sort())
    for (const key of Object.keys(stored)) {
      expect(actual[key]?.shape, key).toEqual(stored[key]?.shape)
      expect(actual[key]?.data, key).toEqual(stored[key]?.data)
    }
  })

  test('encodes, decodes, reconstructs and samples as PyTorch does', async () => {
    const { x, z, ...outputs } = tensors()
    if (!x || !z) throw new Error('x or z is missing')
    const vae = await load()
    const { mean, logVariance } = await vae.encode(x)
    expectTensor(mean, outputs['encode.mean'], ONCE, 'mean')
    expectTensor(logVariance, outputs['encode.logVariance'], ONCE, 'logVariance')
    expectTensor(await vae.decode(z), outputs.decode, ONCE, 'decode')
    expectTensor(await vae.reconstruct(x), outputs.reconstruct, ONCE, 'reconstruct')
    const count = x.shape[0] as number
    expectTensor(await vae.sample(count, { seed: wanted.sample.seed }), outputs.sample, ONCE, 'sample')
  })

  test('has the loss, the log-likelihood and the anomaly score that PyTorch computes', async () => {
    const { x } = tensors()
    if (!x) throw new Error('x is missing')
    const vae = await load()
    expectTerms(await vae.evaluate(x, { seed: wanted.evaluate.seed }), wanted.evaluate, ONCE)
    expect(deviation(await vae.anomalyScore(x), wanted.anomalyScore)).toBeLessThan(ONCE)

    const { samples, seed, perExample, variance } = wanted.logLikelihood
    const actual = await vae.logLikelihood(x, { samples, seed })
    expectNear(actual.perExample, perExample, { relative: ONCE }, 'row')
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
    expect(deviation([actual.mean], [sum(perExample) / perExample.length])).toBeLessThan(ONCE)
    // The sample variance of the weights over their mean's square follows from the effective sample size.
    const byDelta = Array.from(actual.effectiveSamples, (effective) => (samples / effective - 1) / (samples - 1))
    expect(deviation([sum(byDelta)], [sum(variance)])).toBeLessThan(1e-4)
  })

  test('has the loss and the gradients of PyTorch for given weights and epsilon', async () => {
    const { x, epsilon, ...rest } = tensors()
    if (!x || !epsilon) throw new Error('x or epsilon is missing')
    const { config } = json<{ config: VAEConfig }>('models', name, 'config.json')
    const model = new bench.Model(parseConfig({ ...config, scale: 'none' }).spec)
    const values = Object.entries(parameters()).map(([key, tensor]) => [key, tensor.data])
    model.writeParameters(Object.fromEntries(values))
    const data = new bench.Dataset(x.data, x.shape[1] as number)
    const { gradients, ...terms } = bench.gradient(model, data, { threads: 1, epsilon: epsilon.data })

    expectTerms(terms, wanted.terms, ONCE)
    const stored = withPrefix(rest, 'gradient.')
    expect(Object.keys(gradients).sort()).toEqual(Object.keys(stored).sort())
    for (const [key, gradient] of Object.entries(stored)) {
      expect(deviation(gradients[key] ?? [], gradient.data), key).toBeLessThan(ONCE)
    }
  })
})

test('there are models and runs to compare with', () => {
  expect(models.length).toBeGreaterThan(5)
  expect(runs.length).toBeGreaterThan(2)
})

describe('training as torch.optim does', () => {
  test.each(runs)('%s', async (name) => {
    const run = json<Run>('training', `${name}.json`)
    const { x } = readTensors('expected', `${run.model}.safetensors`)
    if (!x) throw new Error('x is missing')
    const vae = await VAE.load(join(fixtures, 'models', run.model))
    const history = await vae.fit(x, { ...run.fit, verbose: false })

    expect(history.epochs.length).toBe(run.epochs.length)
    history.epochs.forEach((epoch, i) => {
      expectTerms(epoch, run.epochs[i] as Terms, TRAINED, `epoch ${i + 1}`)
    })
    const trained = vae.parameters()
    const stored = readTensors('training', `${name}.safetensors`)
    expect(Object.keys(trained).sort()).toEqual(Object.keys(stored).sort())
    for (const [key, tensor] of Object.entries(stored)) expectTensor(trained[key], tensor, TRAINED, key)
  })
})

test('draws the same normal numbers as the NumPy twin of its generator', async () => {
  const cases = json<{ seed: number; rows: number; columns: number }[]>('expected', 'normals.json')
  const drawn = readTensors('expected', 'normals.safetensors')
  expect(cases.length).toBe(Object.keys(drawn).length)
  expect(cases.length).toBeGreaterThan(0)
  for (const [i, { seed, rows, columns }] of cases.entries()) {
    // A decoder that returns z.
    const config = { input: columns, encoder: [], latent: columns, decoder: [], likelihood: 'gaussian' } as const
    const model = new bench.Model(parseConfig(config).spec)
    const values = model.parameterTable.map(({ name, shape }) => {
      const tensor = new Float32Array(shape.reduce((a, b) => a * b, 1))
      if (name === 'likelihood.mean.weight') for (let k = 0; k < columns; k++) tensor[k * columns + k] = 1
      return [name, tensor]
    })
    model.writeParameters(Object.fromEntries(values))
    const { x: actual } = await model.sample(rows, { threads: 1, draw: false, seed }).promise
    expect(deviation(actual, drawn[String(i)]?.data ?? [])).toBeLessThan(1e-6)
  }
})
