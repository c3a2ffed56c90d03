/** Models of image layers compared with PyTorch's own layers: test/fixtures/make_networks.py stored their results. */

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { VAE } from '../src/index.js'
import { parseConfig } from '../src/options/config.js'
import type { Tensor } from '../src/tensor.js'
import { bench } from './helpers/bench-addon.js'
import { deviation, fixtures, json, names, readTensors, type Tensors } from './helpers/fixtures.js'

interface Expected {
  readonly loss: number
  readonly reconstruction: number
  readonly kl: number
  /** The loss of each of the steps of Adam. */
  readonly losses: readonly number[]
}

/** The tolerance of everything that is computed once. */
const ONCE = 1e-5
/** After 20 steps of Adam (epsilon 1e-3), which divides a gradient by its own size, on float32 parameters. */
const TRAINED = 1e-4

const cases = names('networks', '.json')

const withPrefix = (tensors: Tensors, prefix: string) =>
  Object.entries(tensors)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, tensor]) => [name.slice(prefix.length), tensor] as const)

test('there are networks of one, two and three dimensions to compare with', () => {
  const dimensions = cases.map(
    (name) => json<{ config: { input: number[] } }>('networks', name, 'config.json').config.input.length - 1,
  )
  expect(new Set(dimensions)).toEqual(new Set([1, 2, 3]))
})

describe.each(cases)('%s', (name) => {
  const wanted = json<Expected>('networks', `${name}.json`)
  const tensors = readTensors('networks', `${name}.safetensors`)
  const x = tensors.x as Tensor<Float32Array>
  const load = () => VAE.load(join(fixtures, 'networks', name))

  test("loads PyTorch's state_dict, and has the loss and the gradients of its training step", async () => {
    const vae = await load()
    const { spec, dataColumns } = parseConfig(vae.config)
    const model = new bench.Model(spec)
    const parameters = Object.entries(vae.parameters()).map(([key, { data }]) => [key, data])
    model.writeParameters(Object.fromEntries(parameters))
    const { gradients, ...terms } = bench.gradient(model, new bench.Dataset(x.data, dataColumns), {
      threads: 2,
      step: 0,
    })
    expect(deviation([terms.loss], [wanted.loss])).toBeLessThan(ONCE)
    expect(deviation([terms.reconstruction], [wanted.reconstruction])).toBeLessThan(ONCE)
    expect(deviation([terms.kl], [wanted.kl])).toBeLessThan(ONCE)
    const expected = withPrefix(tensors, 'gradient.')
    expect(
      Object.keys(gradients)
        .filter((key) => !key.includes('running_'))
        .sort(),
    ).toEqual(expected.map(([key]) => key).sort())
    // A bias that a normalisation removes has a gradient that is rounding alone.
    const largest = Math.max(...expected.map(([, { data }]) => Math.max(...data.map(Math.abs))))
    for (const [key, { data }] of expected) {
      const off = (gradients[key] as Float32Array).map((value, i) => value - (data[i] as number))
      const scale = Math.max(...data.map(Math.abs), 1e-3 * largest)
      expect(Math.max(...off.map(Math.abs)) / scale, key).toBeLessThan(ONCE)
    }
  })

  test('has its parameters and running statistics after 20 steps of Adam, and its answers then', async () => {
    const vae = await load()
    const { epochs } = await vae.fit(x, {
      epochs: wanted.losses.length,
      batchSize: x.shape[0],
      shuffle: false,
      optimizer: { type: 'adam', learningRate: 0.003, epsilon: 1e-3 },
      verbose: false,
    })
    expect(
      deviation(
        epochs.map(({ loss }) => loss),
        wanted.losses,
      ),
    ).toBeLessThan(TRAINED)
    const parameters = vae.parameters()
    const trained = withPrefix(tensors, 'trained.')
    expect(Object.keys(parameters).sort()).toEqual(trained.map(([key]) => key).sort())
    for (const [key, tensor] of trained) {
      expect(parameters[key]?.shape, key).toEqual(tensor.shape)
      expect(deviation(parameters[key]?.data ?? [], tensor.data), key).toBeLessThan(TRAINED)
    }
    const { mean, logVariance } = await vae.encode(x)
    expect(deviation(mean.data, tensors.mean?.data ?? [])).toBeLessThan(TRAINED)
    expect(deviation(logVariance?.data ?? [], tensors.logVariance?.data ?? [])).toBeLessThan(TRAINED)
    expect(deviation((await vae.decode(mean)).data, tensors.decoded?.data ?? [])).toBeLessThan(TRAINED)
  })
})
