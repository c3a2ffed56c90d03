/**
 * One training step of every choice that docs/models.md offers, against PyTorch: what test/fixtures/make_steps.py
 * stored, as test/fixtures/README.md says.
 */

import { expect, test } from 'vitest'
import type { VAEConfig } from '../src/index.js'
import { native } from '../src/native.js'
import { parseConfig } from '../src/options/config.js'
import { fitPlan } from '../src/options/fit-options.js'
import type { Tensor } from '../src/tensor.js'
import { deviation, expectTerms, json, readTensors, type Tensors, type Terms } from './helpers/fixtures.js'

/** A line of steps/cases.json */
interface Step {
  readonly config: VAEConfig
  /** How old the model is, which decides warm-up, capacity, temperature and binarisation. */
  readonly epochs: number
  /** The training step whose noise the core is to draw itself, or null where it is given that of the file. */
  readonly step: number | null
  readonly terms: Terms
}

/**
 * As in pytorch.test.ts, relative to the largest magnitude of a tensor. What is lost most is lost in weights of draws: they
 * are exponentials or differences of up to 60 nats, each of which the core's float32 knows to 6e-8 of itself, so that a
 * weight is known to 4e-6. PyTorch's own float32 ends as far from its float64, which make_steps.py prints.
 */
const TOLERANCE = 1e-5

const cases = json<Readonly<Record<string, Step>>>('steps', 'cases.json')

const dataset = ({ data, shape }: Tensor<Float32Array>) => new native.Dataset(data, shape[1] as number)

/** Index 0 or 1 of the first dimension: the files hold a parameter and, behind it, its gradient. */
function part(tensors: Tensors, index: 0 | 1): Tensors {
  const parts = Object.entries(tensors).map(([name, { data, shape }]) => {
    const size = data.length / 2
    return [name, { data: data.slice(index * size, (index + 1) * size), shape: shape.slice(1) }]
  })
  return Object.fromEntries(parts)
}

const shapes = (table: Iterable<readonly [string, readonly number[]]>) => Object.fromEntries(table)

test.each(Object.keys(cases))('%s: the loss and the gradients of a step are those of PyTorch', async (name) => {
  const { config, epochs, step, terms: wanted } = cases[name] as Step
  const { x, condition, epsilon, ...stored } = readTensors('steps', `${name}.safetensors`)
  if (!x || !epsilon) throw new Error('x or epsilon is missing')
  const parameters = Object.entries(part(stored, 0))

  const model = new native.Model(parseConfig(config).spec)
  expect(shapes(model.parameterTable.map((entry) => [entry.name, entry.shape]))).toEqual(
    shapes(parameters.map(([key, { shape }]) => [key, shape])),
  )
  const write = () => model.writeParameters(Object.fromEntries(parameters.map(([key, { data }]) => [key, data])))
  write()
  const rows = dataset(x)
  const options = { threads: 1, ...(condition && { condition: dataset(condition) }) }
  if (epochs > 0) {
    model.beginFit(fitPlan().spec)
    for (let i = 0; i < epochs; i++) await model.trainEpoch(rows, { ...options, batchInterval: 0 }).promise
    write()
  }
  const noise = step === null ? { epsilon: epsilon.data } : { step }
  const { gradients, ...terms } = await model.gradient(rows, { ...options, ...noise }).promise

  expectTerms(terms, wanted, TOLERANCE)
  for (const [key, { data }] of Object.entries(part(stored, 1))) {
    expect(deviation(gradients[key] ?? [], data), key).toBeLessThan(TOLERANCE)
  }
})
