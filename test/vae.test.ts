/** The methods of a model, apart from training it. */

import { beforeAll, describe, expect, test } from 'vitest'
import { backend, Dataset, VAE, type VAEConfig } from '../src/index.js'
import { bits, curve, rowsOf, small } from './helpers/data.js'
import { expectNear, finite } from './helpers/near.js'

const x = curve(60)
let vae: VAE
beforeAll(async () => {
  vae = new VAE(small)
  await vae.fit(x, { epochs: 20, batchSize: 20, verbose: false })
})

describe('what comes back has the shape', () => {
  test('[rows, units] of the latent space, [rows, features] of the data', async () => {
    const { mean, logVariance } = await vae.encode(x)
    expect([mean.shape, logVariance?.shape]).toEqual([
      [60, 2],
      [60, 2],
    ])
    expect(mean.data).toHaveLength(120)
    expect((await vae.decode(mean)).shape).toEqual([60, 12])
    expect((await vae.reconstruct(x)).shape).toEqual([60, 12])
    expect((await vae.sample(3)).shape).toEqual([3, 12])
    expect(await vae.anomalyScore(x)).toHaveLength(60)
  })

  test('of the input, if that is an image', async () => {
    const images = new VAE({ ...small, input: [1, 3, 4] })
    expect((await images.sample(5)).shape).toEqual([5, 1, 3, 4])
    expect((await images.reconstruct(x)).shape).toEqual([60, 1, 3, 4])
    expect((await images.reconstruct(await images.sample(5))).shape).toEqual([5, 1, 3, 4])
  })
})

describe('encodeSync', () => {
  test('gives what encode gives, at once', async () => {
    expect(vae.encodeSync(x)).toEqual(await vae.encode(x))
    const one = rowsOf(x, 7, 8)
    const wanted = await vae.encode(one)
    for (const form of [one, one.data, Float64Array.from(one.data), [[...one.data]], new Dataset(one)]) {
      expect(vae.encodeSync(form)).toEqual(wanted)
    }
    const bytes = Uint8Array.from({ length: 24 }, (_, i) => 10 * i)
    expect(vae.encodeSync(bytes)).toEqual(await vae.encode(bytes))
  })

  test.each<VAEConfig>([
    { latent: 2 },
    { latent: 40 },
    {
      latent: [
        { type: 'gaussian', units: 2 },
        { type: 'categorical', units: 2, classes: 3 },
      ],
    },
  ])('gives each row arrays of its own: $latent', (latent) => {
    const model = new VAE({ input: 12, encoder: [5], decoder: [5], ...latent })
    const [first, second] = [rowsOf(x, 0, 1), rowsOf(x, 1, 2)]
    const answer = model.encodeSync(first)
    const before = structuredClone(answer)
    expect(model.encodeSync(second)).not.toEqual(before)
    expect(answer).toEqual(before)
    for (const { type: _type, ...tensors } of answer.groups) {
      for (const tensor of Object.values(tensors)) tensor.data.fill(7)
    }
    answer.mean.data.fill(7)
    expect(model.encodeSync(first)).toEqual(before)
  })

  test('refuses what encode refuses', () => {
    expect(() => vae.encodeSync(new Float32Array(13))).toThrow(RangeError)
    const bad = new Float32Array(24)
    bad[15] = Number.NaN
    expect(() => vae.encodeSync(bad)).toThrow(RangeError)
    expect(() => vae.encodeSync(bad)).toThrow(/row 1, column 3/)
    expect(() => vae.encodeSync(new Dataset(bad, { columns: 12 }))).toThrow(/row 1, column 3/)
  })

  test('refuses while an epoch runs, and works between two', async () => {
    const trained = new VAE(small)
    let between = 0
    const fitting = trained.fit(x, {
      epochs: 200,
      verbose: false,
      callbacks: { onEpochEnd: () => (between += trained.encodeSync(x).mean.shape[0] ?? 0) },
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(() => trained.encodeSync(x)).toThrow(expect.objectContaining({ code: 'BUSY' }))
    await fitting
    expect(between).toBe(200 * 60)
  })
})

test('every form of the same rows gives the same result', async () => {
  const wanted = await vae.evaluate(x)
  const rows = Array.from({ length: 60 }, (_, i) => [...x.data.subarray(12 * i, 12 * i + 12)])
  const offset = new Float32Array([9, ...x.data]).subarray(1)
  const image = { data: x.data, shape: [60, 1, 3, 4] }
  for (const form of [x.data, Float64Array.from(x.data), rows, offset, image, new Dataset(x)]) {
    expect(await vae.evaluate(form)).toEqual(wanted)
  }
})

test('bytes mean 0, 1/255, ..., 1', async () => {
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => (i * 11) % 256)
  const numbers = Float32Array.from(bytes, (byte) => byte / 255)
  const [a, b] = [await vae.anomalyScore(bytes), await vae.anomalyScore(numbers)]
  expectNear(a, finite(b), { absolute: 5e-5 })
  expect(await vae.anomalyScore(Buffer.from(bytes))).toEqual(a)
})

test('reconstruct is decode of the posterior’s mean', async () => {
  const { mean } = await vae.encode(x)
  const [direct, inTwo] = [await vae.reconstruct(x), await vae.decode(mean)]
  expectNear(direct.data, finite(inTwo.data), { absolute: 5e-6 })
})

test('a row’s result does not depend on the rows beside it', async () => {
  const [all, some] = [await vae.anomalyScore(x), await vae.anomalyScore(rowsOf(x, 37, 41))]
  expect([...all.subarray(37, 41)]).toEqual([...some])
})

describe('draws are decided by the seed', () => {
  test('of sample', async () => {
    expect(await vae.sample(4)).toEqual(await vae.sample(4, { seed: 0 }))
    expect(await vae.sample(4, { seed: 1 })).not.toEqual(await vae.sample(4))
  })

  test('of evaluate', async () => {
    expect(await vae.evaluate(x)).toEqual(await vae.evaluate(x, { seed: 0, threads: 3 }))
    expect(await vae.evaluate(x, { seed: 1 })).not.toEqual(await vae.evaluate(x))
  })

  test('of logLikelihood', async () => {
    const draw = (seed: number, threads: number) => vae.logLikelihood(x, { samples: 30, seed, threads })
    expect(await draw(0, 1)).toEqual(await draw(0, 2))
    expect(await draw(1, 1)).not.toEqual(await draw(0, 1))
  })
})

describe('logLikelihood', () => {
  test('is the mean of its rows, and above the evidence lower bound', async () => {
    const { mean, standardError, perExample } = await vae.logLikelihood(x, { samples: 2000 })
    expect(perExample).toHaveLength(60)
    expect(finite(mean)).toBeCloseTo(perExample.reduce((sum, value) => sum + value, 0) / 60, 10)
    expect(finite(standardError)).toBeGreaterThan(0)
    const { loss } = await vae.evaluate(x, { samples: 200 })
    expect(mean).toBeGreaterThan(-loss)
  })

  test('has no standard error with one sample, and the same estimate for the same seed', async () => {
    const { mean, standardError } = await vae.logLikelihood(x, { samples: 1, seed: 3 })
    expect(mean).toBe((await vae.logLikelihood(x, { samples: 1, seed: 3 })).mean)
    expect(standardError).toBeNaN()
  })

  test('has a standard error near the spread over seeds', async () => {
    const estimates = await Promise.all(
      Array.from({ length: 40 }, (_, seed) => vae.logLikelihood(x, { samples: 500, seed })),
    )
    const means = estimates.map(({ mean }) => mean)
    const centre = means.reduce((sum, mean) => sum + mean, 0) / means.length
    const spread = Math.sqrt(means.reduce((sum, mean) => sum + (mean - centre) ** 2, 0) / (means.length - 1))
    const claimed = estimates.reduce((sum, { standardError }) => sum + standardError, 0) / estimates.length
    expect(spread / claimed).toBeGreaterThan(0.6)
    expect(spread / claimed).toBeLessThan(1.6)
  })
})

test('the anomaly score is the same every time, and higher for what was never seen', async () => {
  const noise = { data: Float32Array.from(x.data, (_, i) => (i * 0.618034) % 1), shape: x.shape }
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length
  expect(await vae.anomalyScore(x)).toEqual(await vae.anomalyScore(x, { threads: 2 }))
  expect(mean(finite(await vae.anomalyScore(noise)))).toBeGreaterThan(mean(await vae.anomalyScore(x)) + 1)
})

test('parameters are copies, with PyTorch’s names and shapes', () => {
  const before = bits(vae)
  const parameters = vae.parameters()
  expect(Object.entries(parameters).map(([name, { shape }]) => [name, shape])).toEqual([
    ['encoder.0.weight', [16, 12]],
    ['encoder.0.bias', [16]],
    ['latent.mean.weight', [2, 16]],
    ['latent.mean.bias', [2]],
    ['latent.logVariance.weight', [2, 16]],
    ['latent.logVariance.bias', [2]],
    ['decoder.0.weight', [16, 2]],
    ['decoder.0.bias', [16]],
    ['likelihood.logits.weight', [12, 16]],
    ['likelihood.logits.bias', [12]],
  ])
  for (const { data } of Object.values(parameters)) data.fill(0)
  expect(bits(vae)).toEqual(before)
})

test('the summary lists layers, parameters, their numbers and what a step takes', () => {
  const summary = new VAE().summary()
  expect(summary).toContain(
    [
      'layer               type   output  parameters  FLOP per row',
      '───────────────────────────────────────────────────────────',
      'encoder.0           dense  [200]      157,000       313,600',
      'latent.mean         dense  [10]         2,010         4,000',
      'latent.logVariance  dense  [10]         2,010         4,000',
      'decoder.0           dense  [200]        2,200         4,000',
      'likelihood.logits   dense  [784]      157,584       313,600',
      '───────────────────────────────────────────────────────────',
      'total                                 320,804       639,200',
      '',
      'parameter                  shape         count',
      '──────────────────────────────────────────────',
      'encoder.0.weight           [200, 784]  156,800',
    ].join('\n'),
  )
  expect(summary).toMatch(/\ntotal +320,804\n\nA training step with 128 rows takes \d+\.\d MiB\.$/)
})

test('the backend names what computes the numbers', () => {
  expect(backend()).toEqual({
    gemm: expect.stringMatching(/^(builtin|cblas)$/),
    version: expect.any(String),
    core: expect.any(String),
    isa: expect.any(String),
    bfloat16: expect.any(Boolean),
    threads: expect.any(Number),
  })
  expect(backend().threads).toBeGreaterThanOrEqual(1)
})

describe('a Dataset', () => {
  test('is a copy: what it was made from may change', async () => {
    const source = x.data.slice()
    const data = new Dataset(source, { columns: 12 })
    const wanted = await vae.evaluate(x)
    source.fill(7)
    structuredClone(source.buffer, { transfer: [source.buffer] })
    expect(await vae.evaluate(data)).toEqual(wanted)
    expect([data.rows, data.columns]).toEqual([60, 12])
  })

  test('is copied before the first await of a method', async () => {
    const source = x.data.slice()
    const result = vae.evaluate(source)
    source.fill(7)
    expect(await result).toEqual(await vae.evaluate(x))
  })

  test('can be cut into parts', async () => {
    const part = new Dataset(x).slice(10, 30).slice(5)
    expect([part.rows, part.columns]).toEqual([15, 12])
    expect(await vae.anomalyScore(part)).toEqual(await vae.anomalyScore(rowsOf(x, 15, 30)))
    const cut = (from: number, to?: number) => () => new Dataset(x).slice(from, to)
    expect(cut(60)).toThrow('Expected an integer from 0 to 59 for from but received 60 of type number')
    expect(cut(3, 3)).toThrow('Expected an integer from 4 to 60 for to but received 3 of type number')
    expect(cut(0.5)).toThrow(RangeError)
  })

  test('names a bad cell whenever it is used, until it is not', async () => {
    const data = new Dataset([[...Array(11).fill(0.5), 2]])
    for (let i = 0; i < 2; i++) await expect(vae.encode(data)).rejects.toThrow(/for x \(row 0, column 11\)/)
    const gaussian = new VAE({ ...small, likelihood: 'gaussian' })
    await gaussian.encode(data)
    await expect(vae.encode(data)).rejects.toThrow(/for x \(row 0, column 11\)/)
  })

  test('wants a width beside a typed array, and no unknown option', () => {
    expect(() => new Dataset(new Float32Array(12))).toThrow(TypeError)
    expect(() => new Dataset(new Float32Array(12), { colums: 12 } as never)).toThrow(
      'Unknown option "colums" for Dataset; did you mean "columns"?',
    )
    expect(() => new Dataset([[1, 2]], { columns: 3 })).toThrow(
      'Expected 3 numbers for data[0] but received [ 1, 2 ] of type Array',
    )
  })
})

test('a prior that learns begins at what the config gives', () => {
  const prior = { type: 'normal', mean: [1, -2], variance: 3, learned: true } as const
  const vae = new VAE({
    ...small,
    latent: [
      { type: 'bernoulli', units: 1 },
      { type: 'gaussian', units: 2, prior },
    ],
  })
  const { 'latent.1.prior.mean': mean, 'latent.1.prior.logVariance': logVariance } = vae.parameters()
  expect([...(mean?.data ?? [])]).toEqual([1, -2])
  expectNear([...(logVariance?.data ?? [])], [Math.log(3), Math.log(3)], { relative: 1e-6 })
  const mixture = new VAE({
    ...small,
    latent: { type: 'gaussian', units: 2, prior: { type: 'mixture', components: 4 } },
  })
  const means = Array.from(mixture.parameters()['latent.prior.mean']?.data ?? [])
  expect(new Set(means).size).toBe(8)
})
