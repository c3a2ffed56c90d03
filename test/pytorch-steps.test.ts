/**
 * One training step of every choice that docs/models.md offers, and the results of such models in use, compared with
 * PyTorch: test/fixtures/make_steps.py stored its results, as test/fixtures/README.md explains.
 */

import { expect, test } from 'vitest'
import type { VAEConfig } from '../src/index.js'
import { parseConfig } from '../src/options/config.js'
import { fitPlan } from '../src/options/fit-options.js'
import type { Tensor } from '../src/tensor.js'
import { bench } from './helpers/bench-addon.js'
import { deviation, expectTerms, json, readTensors, type Tensors, type Terms } from './helpers/fixtures.js'

/** A line of steps/cases.json */
interface Step {
  readonly config: VAEConfig
  /** The epochs of training before the step, which decide warm-up, capacity, temperature and binarisation. */
  readonly epochs: number
  /** The training step whose noise the core is to draw itself, or null if the noise is in the file. */
  readonly step: number | null
  readonly terms: Terms
  /** The results of the model with these parameters; see also the tensors `reconstruct`, `z` and `sample`. */
  readonly inference?: {
    readonly seeds: { readonly evaluate: number; readonly logLikelihood: number; readonly sample: number }
    readonly evaluate: Terms
    /** Draws for the log-likelihood. */
    readonly samples: number
    readonly logLikelihood: readonly number[]
    readonly variance: readonly number[]
    readonly anomalyScore: readonly number[]
  }
}

/**
 * As in pytorch.test.ts, relative to the largest magnitude of a tensor. The weights of draws have the largest errors:
 * they are exponentials or differences of up to 60 nats, each of which has a relative error of 6e-8 in the core's
 * float32, so that a weight has one of 4e-6. PyTorch's own float32 is as far from its float64, which make_steps.py
 * prints.
 */
const TOLERANCE = 1e-5

const cases = json<Readonly<Record<string, Step>>>('steps', 'cases.json')

const dataset = ({ data, shape }: Tensor<Float32Array>) => new bench.Dataset(data, shape[1] as number)

/** Index 0 or 1 of the first dimension: the files contain each parameter and, after it, its gradient. */
function part(tensors: Tensors, index: 0 | 1): Tensors {
  const parts = Object.entries(tensors).map(([name, { data, shape }]) => {
    const size = data.length / 2
    return [name, { data: data.slice(index * size, (index + 1) * size), shape: shape.slice(1) }]
  })
  return Object.fromEntries(parts)
}

function load(name: string) {
  const file = readTensors('steps', `${name}.safetensors`)
  const isParameter = (key: string) => key.includes('.')
  const stored = Object.fromEntries(Object.entries(file).filter(([key]) => isParameter(key)))
  const outputs = Object.fromEntries(Object.entries(file).filter(([key]) => !isParameter(key)))
  const { x, condition, epsilon } = outputs
  if (!x || !epsilon) throw new Error('x or epsilon is missing')
  const step = cases[name] as Step
  const model = new bench.Model(parseConfig({ ...step.config, scale: 'none' }).spec)
  const parameters = part(stored, 0)
  const write = () => {
    const values = Object.entries(parameters).map(([key, { data }]) => [key, data])
    model.writeParameters(Object.fromEntries(values))
  }
  write()
  const options = { threads: 1, ...(condition && { condition: dataset(condition) }) }
  return { ...step, model, write, parameters, gradients: part(stored, 1), rows: dataset(x), options, epsilon, outputs }
}

test.each(Object.keys(cases))('%s: the loss and the gradients of a step are those of PyTorch', async (name) => {
  const { model, parameters, rows, options, epsilon, epochs, step, ...wanted } = load(name)
  expect(Object.fromEntries(model.parameterTable.map((entry) => [entry.name, entry.shape]))).toEqual(
    Object.fromEntries(Object.entries(parameters).map(([key, { shape }]) => [key, shape])),
  )
  if (epochs > 0) {
    model.beginFit(fitPlan().spec)
    for (let i = 0; i < epochs; i++) await model.trainEpoch(rows, { ...options, batchInterval: 0 }).promise
    wanted.write()
  }
  const noise = step === null ? { epsilon: epsilon.data } : { step }
  const { gradients, ...terms } = bench.gradient(model, rows, { ...options, ...noise })

  expectTerms(terms, wanted.terms, TOLERANCE)
  expect(Object.keys(gradients).sort()).toEqual(Object.keys(wanted.gradients).sort())
  for (const [key, { data }] of Object.entries(wanted.gradients)) {
    expect(deviation(gradients[key] ?? [], data), key).toBeLessThan(TOLERANCE)
  }
})

const inferred = Object.keys(cases).filter((name) => cases[name]?.inference)

test('there are steps, and models with answers, to compare with', () => {
  expect(Object.keys(cases).length).toBeGreaterThan(50)
  expect(inferred.length).toBeGreaterThan(5)
})

test.each(inferred)(
  '%s: evaluation, likelihood, score, reconstruction and samples are those of PyTorch',
  async (name) => {
    const { model, rows, options, config, inference: wanted, outputs } = load(name)
    if (!wanted) throw new Error('nothing to compare with')
    const { seeds, samples } = wanted
    const own = config.objective?.samples ?? 1
    const terms = await model.evaluate(rows, { ...options, samples: own, seed: seeds.evaluate }).promise
    expectTerms(terms, wanted.evaluate, TOLERANCE)
    const sampling = { samples, mostSamples: samples, proposal: 'posterior' as const, seed: seeds.logLikelihood }
    const likelihood = await model.logLikelihood(rows, { ...options, ...sampling }).promise
    expect(deviation(likelihood.perExample, wanted.logLikelihood), 'logLikelihood').toBeLessThan(TOLERANCE)
    // The delta method's variance, which follows from the effective sample size.
    const variance = likelihood.effectiveSamples.map((effective) => (samples / effective - 1) / (samples - 1))
    expect(deviation(variance, wanted.variance), 'variance').toBeLessThan(TOLERANCE)
    expect(deviation(await model.anomalyScore(rows, options).promise, wanted.anomalyScore), 'score').toBeLessThan(
      TOLERANCE,
    )

    const drawing = { ...options, draw: false, drawLatent: false, seed: seeds.sample }
    const { x, z } = await model.sample(rows.rows, drawing).promise
    const decoded = { z, sample: x, reconstruct: await model.reconstruct(rows, drawing).promise }
    for (const [key, actual] of Object.entries(decoded)) {
      expect(deviation(actual, outputs[key]?.data ?? []), key).toBeLessThan(TOLERANCE)
    }
  },
)
