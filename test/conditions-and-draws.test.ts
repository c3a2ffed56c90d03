/** Conditions in every form that they may come in, draws from p(x|z) and from the prior, discrete z, and refine. */

import { describe, expect, test } from 'vitest'
import { type ConditionLike, Dataset, type Tensor, VAE, type VAEConfig } from '../src/index.js'
import { bits, bitsOf, curve, generator, small } from './helpers/data.js'
import { expectNear, finite } from './helpers/near.js'
import { vaeWith } from './helpers/vae-with.js'

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length
const variance = (values: readonly number[]) => {
  const middle = mean(values)
  return mean(values.map((value) => (value - middle) ** 2))
}
const column = ({ data, shape }: Tensor, j: number): number[] => {
  const width = shape.slice(1).reduce((product, size) => product * size, 1)
  return Array.from({ length: shape[0] as number }, (_, i) => data[i * width + j] as number)
}

describe('a condition', () => {
  const ROWS = 6
  const x = curve(ROWS)
  const byClass = new VAE({ ...small, condition: { classes: 3 } })
  const byNumbers = new VAE({ ...small, condition: 2 })
  const bare = new VAE(small)

  test.each<[string, ConditionLike]>([
    ['a list', [0, 2, 1, 1, 0, 2]],
    ['int32', Int32Array.of(0, 2, 1, 1, 0, 2)],
    ['uint32', Uint32Array.of(0, 2, 1, 1, 0, 2)],
    ['uint16', Uint16Array.of(0, 2, 1, 1, 0, 2)],
    ['bytes, as labels often are', Uint8Array.of(0, 2, 1, 1, 0, 2)],
    ['a Dataset of bytes', new Dataset(Uint8Array.of(0, 2, 1, 1, 0, 2), { columns: 1 })],
    ['float32', Float32Array.of(0, 2, 1, 1, 0, 2)],
    ['rows of one number', [[0], [2], [1], [1], [0], [2]]],
    ['a tensor', { data: Float32Array.of(0, 2, 1, 1, 0, 2), shape: [6, 1] }],
    ['a Dataset', new Dataset([[0], [2], [1], [1], [0], [2]])],
  ])('of class numbers may be %s', async (_, condition) => {
    const { mean } = await byClass.encode(x, { condition })
    for (const [row, number] of [0, 2, 1, 1, 0, 2].entries()) {
      const all = await byClass.encode(x, { condition: number })
      expect(mean.data.slice(2 * row, 2 * row + 2)).toEqual(all.mean.data.slice(2 * row, 2 * row + 2))
    }
    expect(byClass.encodeSync(x, { condition }).mean).toEqual(mean)
  })

  test('of one class number is that of every row', async () => {
    const all = await byClass.encode(x, { condition: 2 })
    expect(all).toEqual(await byClass.encode(x, { condition: Array(ROWS).fill(2) }))
    expect(all).not.toEqual(await byClass.encode(x, { condition: 1 }))
    expect(await byClass.sample(4, { condition: 1 })).toEqual(await byClass.sample(4, { condition: [1, 1, 1, 1] }))
  })

  test('of numbers may have every form that data have', async () => {
    const rows = Array.from({ length: ROWS }, (_, i) => [i / 4, 1 - i / 8])
    const flat = Float32Array.from(rows.flat())
    const wanted = await byNumbers.encode(x, { condition: rows })
    for (const condition of [flat, { data: flat, shape: [ROWS, 2] }, new Dataset(rows), Float64Array.from(flat)]) {
      expect(await byNumbers.encode(x, { condition })).toEqual(wanted)
    }
  })

  const classes = 'a class number below 3 for each row'
  test.each<[VAE, unknown, RegExp]>([
    [byClass, undefined, new RegExp(`^Expected ${classes}, or one for all, for condition but received undefined`)],
    [byClass, [0, 1], new RegExp(`^Expected ${classes}, 6 in all, for condition`)],
    [byClass, [0, 1, 2, 3, 0, 0], /condition.* but received 3 /],
    [byClass, [0, 1, 2, -1, 0, 0], /condition.* but received -1 /],
    [byClass, [0, 1, 2, 0.5, 0, 0], /condition.* but received 0.5 /],
    [byClass, Uint8Array.of(0, 1, 2, 0, 1, 3), /condition.* but received 3 /],
    [byClass, 3, /condition.* but received 3 /],
    [byClass, Number.NaN, /condition.* but received NaN /],
    [byClass, 'two', /condition/],
    [byClass, [[0, 1]], /condition/],
    [
      byNumbers,
      undefined,
      /^Expected a row of 2 numbers for each row, or one for all, for condition but received undefined/,
    ],
    [byNumbers, 1, /condition/],
    [
      byNumbers,
      [
        [1, 2],
        [3, 4],
      ],
      /^Expected a row of 2 numbers for each row, 6 in all, for condition/,
    ],
    [byNumbers, [1, 2, 3], /condition/],
    [byNumbers, [[1, 2, 3]], /condition/],
    [byNumbers, new Dataset([[1, 2]]), /condition/],
    [byNumbers, Array(ROWS).fill([1, 2, 3]), /condition/],
    [byNumbers, Array(ROWS).fill([1, Number.NaN]), /condition.* but received NaN /],
    [byNumbers, new Dataset(Array(ROWS).fill([1, 2, 3])), /condition/],
    [bare, 1, /^Expected nothing, for the model has no condition, for condition but received 1 /],
    [bare, [[1, 2]], /^Expected nothing, for the model has no condition, for condition/],
  ])('that does not fit is refused by name, and nothing changes: %#', async (vae, given, message) => {
    const before = bits(vae)
    const condition = given as ConditionLike
    const z = Array.from({ length: ROWS }, () => [0, 0])
    const calls: (() => Promise<unknown>)[] = [
      () => vae.fit(x, { condition, verbose: false }),
      () => vae.evaluate(x, { condition }),
      () => vae.encode(x, { condition }),
      () => vae.reconstruct(x, { condition }),
      () => vae.refine(x, { condition }),
      () => vae.logLikelihood(x, { condition }),
      () => vae.anomalyScore(x, { condition }),
      () => vae.decode(z, { condition }),
      () => vae.sample(ROWS, { condition }),
      async () => vae.encodeSync(x, { condition }),
    ]
    for (const call of calls) {
      const error: unknown = await call().catch((thrown: unknown) => thrown)
      expect(error instanceof TypeError || error instanceof RangeError, `${call}: ${error}`).toBe(true)
      expect((error as Error).message, `${call}`).toMatch(message)
    }
    expect(bits(vae)).toEqual(before)
    expect(vae.history.epochs).toEqual([])
  })

  test('that is missing is an error that names it, for each row or one for all', () => {
    expect(() => byClass.encodeSync(x)).toThrow(
      new TypeError(`Expected ${classes}, or one for all, for condition but received undefined of type undefined`),
    )
    expect(() => byNumbers.encodeSync(x)).toThrow(
      new TypeError(
        'Expected a row of 2 numbers for each row, or one for all, for condition but received undefined of type undefined',
      ),
    )
  })

  test('that is an empty list is shown as it was given', () => {
    expect(() => byClass.encodeSync(x, { condition: [] })).toThrow(
      new RangeError(`Expected ${classes}, 6 in all, for condition but received [] of type Array`),
    )
    expect(() => byNumbers.encodeSync(x, { condition: [] })).toThrow(
      new RangeError('Expected at least one row for condition but received [] of type Array'),
    )
  })

  test('that is a Dataset of the wrong size is shown with its rows and columns', () => {
    const wide = new Dataset(Array(ROWS).fill([1, 2, 3]))
    const shown = 'for condition but received Dataset of 6 rows × 3 columns of type Dataset'
    expect(() => byNumbers.encodeSync(x, { condition: wide })).toThrow(
      new RangeError(`Expected a row of 2 numbers for each row ${shown}`),
    )
    expect(() => byClass.encodeSync(x, { condition: wide })).toThrow(new RangeError(`Expected ${classes} ${shown}`))
    expect(() => byClass.encodeSync(x, { condition: new Dataset([[0]]) })).toThrow(
      `Expected ${classes}, 6 in all, for condition but received Dataset of 1 row × 1 column of type Dataset`,
    )
  })

  test.each([
    ['int8', new Int8Array(ROWS)],
    ['int16', new Int16Array(ROWS)],
    ['int32', new Int32Array(ROWS)],
    ['uint16', new Uint16Array(ROWS)],
    ['uint32', new Uint32Array(ROWS)],
    ['float32', new Float32Array(ROWS)],
    ['bytes', new Uint8Array(ROWS)],
  ])('of class numbers whose memory was transferred away is refused by its name: %s', async (_, gone) => {
    structuredClone(gone, { transfer: [gone.buffer] })
    expect(gone).toHaveLength(0)
    const refused = /^Expected .* for condition but received \w+Array\(0\) \[\] of type \w+Array$/
    const thrown: unknown = await byClass.encode(x, { condition: gone }).catch((error: unknown) => error)
    expect(thrown).toBeInstanceOf(TypeError)
    expect((thrown as Error).message).toMatch(refused)
    expect(() => byClass.encodeSync(x, { condition: gone })).toThrow(refused)
    await expect(byClass.fit(x, { condition: gone, verbose: false })).rejects.toThrow(refused)
  })

  test('of the validation rows is required, and refused, by its own name', async () => {
    const train = (options: object) => byClass.fit(x, { condition: 1, validationData: x, verbose: false, ...options })
    const before = bits(byClass)
    await expect(train({})).rejects.toThrow(/for validationCondition but received undefined/)
    await expect(train({ validationCondition: [0] })).rejects.toThrow(/6 in all, for validationCondition/)
    await expect(train({ validationCondition: 7 })).rejects.toThrow(/validationCondition.* but received 7 /)
    await expect(train({ validationData: undefined, validationCondition: 1 })).rejects.toThrow(
      /^Expected nothing without validationData .* for validationCondition/,
    )
    expect(bits(byClass)).toEqual(before)
  })

  test('is split with the rows, and each validation row is judged by its own', async () => {
    const classes = [0, 0, 1, 1, 2, 2]
    const options = { epochs: 2, shuffle: false, verbose: false } as const
    const split = new VAE({ ...small, condition: { classes: 3 } })
    const { epochs } = await split.fit(x, { ...options, condition: classes, validationSplit: 1 / 3 })
    const apart = new VAE({ ...small, condition: { classes: 3 } })
    const rows = (from: number, to: number) => x.data.slice(12 * from, 12 * to)
    const given = { validationData: rows(4, 6), validationCondition: [2, 2] }
    const other = await apart.fit(rows(0, 4), { ...options, condition: classes.slice(0, 4), ...given })
    expect(epochs.map(({ validation }) => validation)).toEqual(other.epochs.map(({ validation }) => validation))
    expect(bits(apart)).toEqual(bits(split))
  })

  test('decides what is sampled', async () => {
    // Three kinds of rows: class k has ones in columns 4 k to 4 k + 3.
    const random = generator(4)
    const classes = Array.from({ length: 300 }, () => Math.floor(3 * random()))
    const rows = classes.map((k) => Array.from({ length: 12 }, (_, j) => (Math.floor(j / 4) === k ? 1 : 0)))
    const vae = new VAE({ ...small, condition: { classes: 3 } })
    await vae.fit(rows, { condition: classes, epochs: 60, batchSize: 20, learningRate: 0.01, verbose: false })
    for (const k of [0, 1, 2]) {
      const drawn = await vae.sample(50, { condition: k })
      const means = Array.from({ length: 12 }, (_, j) => mean(column(drawn, j)))
      expect(means.map(Math.round)).toEqual(Array.from({ length: 12 }, (_, j) => (Math.floor(j / 4) === k ? 1 : 0)))
    }
  })
})

describe('draws from p(x|z)', () => {
  const COUNT = 20_000
  /** A decoder without weights: its heads are these biases for every z. */
  const constant = (likelihood: VAEConfig['likelihood'], values: Record<string, readonly number[]>, input = 3) => {
    const named = Object.entries(values).map(([name, list]) => [`likelihood.${name}`, Float32Array.from(list)])
    return vaeWith(
      { input, encoder: [], latent: 1, decoder: [], ...(likelihood ? { likelihood } : {}) },
      Object.fromEntries(named),
    )
  }
  const z = new Float32Array(COUNT)
  const logit = (p: number) => Math.log(p / (1 - p))
  /** Within five standard errors of a mean of COUNT values of this variance: one test in a million exceeds them. */
  const near = (actual: number, expected: number, squares: number) =>
    expect(Math.abs(actual - expected)).toBeLessThan(5 * Math.sqrt(squares / COUNT))

  /** Continuous Bernoulli's mean, from its density by the midpoint rule. */
  const continuous = (logits: number) => {
    const points = Array.from({ length: 10_000 }, (_, i) => (i + 0.5) / 10_000)
    const weights = points.map((p) => Math.exp(logits * p))
    const sum = weights.reduce((a, b) => a + b)
    const first = points.reduce((a, p, i) => a + p * (weights[i] as number), 0) / sum
    const second = points.reduce((a, p, i) => a + p * p * (weights[i] as number), 0) / sum
    return { mean: first, variance: second - first ** 2 }
  }

  /** For each column the mean and the variance of draws; then the variance of their squared deviations / variance². */
  const families: [string, () => Promise<VAE>, { mean: number; variance: number }[], number][] = [
    [
      'bernoulli',
      () => constant('bernoulli', { 'logits.bias': [0.2, 0.5, 0.9].map(logit) }),
      [0.2, 0.5, 0.9].map((p) => ({ mean: p, variance: p * (1 - p) })),
      8,
    ],
    [
      'continuous Bernoulli',
      () => constant('continuousBernoulli', { 'logits.bias': [-2, 0, 3] }),
      [-2, 0, 3].map(continuous),
      8,
    ],
    [
      'gaussian',
      () => constant({ type: 'gaussian', variance: 0.25 }, { 'mean.bias': [-1, 0, 4] }),
      [-1, 0, 4].map((m) => ({ mean: m, variance: 0.25 })),
      2,
    ],
    [
      'laplace',
      () => constant({ type: 'laplace', scale: 0.5 }, { 'mean.bias': [-1, 0, 4] }),
      [-1, 0, 4].map((m) => ({ mean: m, variance: 0.5 })),
      5,
    ],
    [
      'poisson',
      () => constant('poisson', { 'logRate.bias': [0.5, 3, 20].map(Math.log) }),
      [0.5, 3, 20].map((rate) => ({ mean: rate, variance: rate })),
      4,
    ],
    [
      'categorical',
      () => constant({ type: 'categorical', classes: 3 }, { 'logits.bias': [0.2, 0.3, 0.5].map(Math.log) }),
      [0.2, 0.3, 0.5].map((p) => ({ mean: p, variance: p * (1 - p) })),
      4,
    ],
    [
      'multinomial',
      () => constant({ type: 'multinomial', trials: 10 }, { 'logits.bias': [0.2, 0.3, 0.5].map(Math.log) }),
      [0.2, 0.3, 0.5].map((p) => ({ mean: 10 * p, variance: 10 * p * (1 - p) })),
      3,
    ],
  ]

  test.each(families)('of a %s likelihood have its mean and variance', async (_, make, columns, spread) => {
    const vae = await make()
    const drawn = await vae.decode(z, { draw: true, seed: 1 })
    expect(drawn.shape).toEqual([COUNT, 3])
    columns.forEach((wanted, j) => {
      const values = column(drawn, j)
      near(mean(values), wanted.mean, wanted.variance)
      near(variance(values), wanted.variance, spread * wanted.variance ** 2)
    })
  })

  test('are of one class in each categorical variable, and of all trials in a multinomial', async () => {
    const sums = async (likelihood: VAEConfig['likelihood'], input: number) => {
      const vae = new VAE({ input, encoder: [], latent: 1, decoder: [], ...(likelihood ? { likelihood } : {}) })
      return { vae, drawn: await vae.decode(z.subarray(0, 200), { draw: true }) }
    }
    const { drawn: oneHot } = await sums({ type: 'categorical', classes: [2, 3] }, 5)
    const { vae, drawn: counts } = await sums({ type: 'multinomial', trials: 7 }, 4)
    expect([oneHot.data.length, counts.data.length]).toEqual([200 * 5, 200 * 4])
    for (let i = 0; i < 200; i++) {
      const [row, trials] = [oneHot.data.slice(5 * i, 5 * i + 5), counts.data.slice(4 * i, 4 * i + 4)]
      expect([...row].every((value) => value === 0 || value === 1)).toBe(true)
      expect([mean(row.slice(0, 2)) * 2, mean(row.slice(2)) * 3]).toEqual([1, 1])
      expect(trials.reduce((sum, value) => sum + value)).toBe(7)
    }
    // A reconstruction has as many trials as its row.
    const again = await vae.reconstruct(
      [
        [1, 0, 2, 0],
        [5, 5, 5, 5],
      ],
      { draw: true },
    )
    expect(again.data.slice(0, 4).reduce((sum, value) => sum + value)).toBe(3)
    expect(again.data.slice(4).reduce((sum, value) => sum + value)).toBe(20)
  })

  test('are the same for a seed and others for another, with any number of threads', async () => {
    const vae = new VAE({ ...small, likelihood: 'gaussian' })
    const x = curve(100)
    const calls: ((options: object) => Promise<Tensor<Float32Array>>)[] = [
      (options) => vae.sample(100, options),
      (options) => vae.reconstruct(x, options),
      (options) => vae.decode(new Float32Array(200), options),
    ]
    for (const call of calls) {
      const drawn = await call({ draw: true, seed: 1 })
      expect(await call({ draw: true, seed: 1, threads: 2 })).toEqual(drawn)
      expect(await call({ draw: true, seed: 2 })).not.toEqual(drawn)
      expect(await call({ seed: 1 })).not.toEqual(drawn)
      expect(await call({ seed: 1, draw: false })).toEqual(await call({ seed: 1 }))
    }
  })
})

describe('sample', () => {
  test('with latent gives z of the prior, and x decoded from it', async () => {
    const latent = [
      { type: 'gaussian', units: 2, prior: { type: 'normal', mean: [1, -2], variance: [4, 0.25] } },
      { type: 'categorical', units: 1, classes: 3 },
      { type: 'bernoulli', units: 1 },
    ] as const
    const vae = new VAE({ ...small, latent })
    const count = 20_000
    const { x, z } = await vae.sample(count, { latent: true, seed: 4 })
    expect([x.shape, z.shape]).toEqual([
      [count, 12],
      [count, 6],
    ])
    expect(bitsOf((await vae.sample(count, { seed: 4 })).data)).toBe(bitsOf(x.data))
    expect(bitsOf((await vae.decode(z)).data)).toBe(bitsOf(x.data))
    const wanted = [
      { mean: 1, variance: 4 },
      { mean: -2, variance: 0.25 },
      ...Array(3).fill({ mean: 1 / 3, variance: 2 / 9 }),
      { mean: 0.5, variance: 0.25 },
    ]
    wanted.forEach((expected, j) => {
      // Five standard errors. The squared deviations of a normal number vary most: their variance is twice its
      // variance squared.
      const values = column(z, j)
      expect(Math.abs(mean(values) - expected.mean)).toBeLessThan(5 * Math.sqrt(expected.variance / count))
      expect(Math.abs(variance(values) - expected.variance)).toBeLessThan(5 * Math.sqrt(2 / count) * expected.variance)
      if (j >= 2) expect(values.every((value) => value === 0 || value === 1)).toBe(true)
    })
  })

  test('of a mixture draws from its components', async () => {
    const prior = { type: 'mixture', components: 2 } as const
    const config: VAEConfig = { input: 1, encoder: [], latent: { type: 'gaussian', units: 1, prior }, decoder: [] }
    const vae = await vaeWith(config, {
      'latent.prior.logits': Float32Array.of(Math.log(0.25), Math.log(0.75)),
      'latent.prior.mean': Float32Array.of(-5, 5),
      'latent.prior.logVariance': Float32Array.of(Math.log(0.01), Math.log(1)),
    })
    const count = 20_000
    const { z } = await vae.sample(count, { latent: true })
    const [low, high] = [z.data.filter((value) => value < 0), z.data.filter((value) => value > 0)]
    expect(Math.abs(low.length / count - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / count))
    expect(Math.abs(mean(low) + 5)).toBeLessThan(5 * Math.sqrt(0.01 / low.length))
    expect(Math.abs(mean(high) - 5)).toBeLessThan(5 * Math.sqrt(1 / high.length))
    expect(Math.abs(variance([...low]) / 0.01 - 1)).toBeLessThan(5 * Math.sqrt(2 / low.length))
    expect(Math.abs(variance([...high]) - 1)).toBeLessThan(5 * Math.sqrt(2 / high.length))
  })
})

describe('discrete latent variables', () => {
  // A decoder that returns z as the mean, with a small variance: a reconstruction shows z.
  const identity = (units: number) =>
    Float32Array.from({ length: units * units }, (_, i) => (Math.floor(i / units) === i % units ? 1 : 0))

  test('are relaxed in training and discrete in evaluation', async () => {
    const config: VAEConfig = {
      input: 1,
      encoder: [],
      latent: { type: 'bernoulli', units: 1, temperature: 1 },
      decoder: [],
      likelihood: { type: 'gaussian', variance: 1 },
      scale: 'none',
    }
    const vae = await vaeWith(config, { 'likelihood.mean.weight': Float32Array.of(1) })
    const reconstruction = (z: number) => 0.5 * (Math.log(2 * Math.PI) + (3 - z) ** 2)
    const seen = new Set<number>()
    for (let seed = 0; seed < 20; seed++) seen.add((await vae.evaluate([[3]], { seed })).reconstruction)
    // x = 3 is 3 from z = 0 and 2 from z = 1, and never anything between.
    expect([...seen].sort((a, b) => a - b)).toEqual([
      expect.closeTo(reconstruction(1), 5),
      expect.closeTo(reconstruction(0), 5),
    ])
    const { epochs } = await vae.fit([[3]], { epochs: 20, learningRate: 1e-9, verbose: false })
    const relaxed = new Set(epochs.map((epoch) => epoch.reconstruction))
    expect(relaxed.size).toBe(20)
    for (const value of relaxed) {
      expect(value).toBeGreaterThan(reconstruction(1))
      expect(value).toBeLessThan(reconstruction(0))
    }
  })

  test('with straight-through draws are discrete in training too', async () => {
    const config: VAEConfig = {
      input: 1,
      encoder: [],
      latent: { type: 'bernoulli', units: 1, straightThrough: true },
      decoder: [],
      likelihood: { type: 'gaussian', variance: 1 },
      scale: 'none',
    }
    const vae = await vaeWith(config, { 'likelihood.mean.weight': Float32Array.of(1) })
    const { epochs } = await vae.fit([[3]], { epochs: 20, learningRate: 1e-9, verbose: false })
    const seen = new Set(epochs.map((epoch) => epoch.reconstruction.toFixed(5)))
    expect([...seen].sort()).toEqual([2.91894, 5.41894].map((value) => value.toFixed(5)))
  })

  test('are reconstructed from the most probable class, and encoded as probabilities', async () => {
    const logits = [0.5, 2, -1, -1, 0.2, 0.1]
    const vae = await vaeWith(
      {
        input: 6,
        encoder: [],
        latent: { type: 'categorical', units: 2, classes: 3 },
        decoder: [],
        likelihood: { type: 'gaussian', variance: 1 },
      },
      { 'latent.logits.bias': Float32Array.from(logits), 'likelihood.mean.weight': identity(6) },
    )
    const x = new Float32Array(6)
    expect([...(await vae.reconstruct(x)).data]).toEqual([0, 1, 0, 0, 1, 0])
    const { mean: probabilities, logits: encoded } = await vae.encode(x)
    expect([...(encoded?.data ?? [])]).toEqual(logits.map(Math.fround))
    const softmax = (list: number[]) => {
      const sum = list.reduce((total, l) => total + Math.exp(l), 0)
      return list.map((l) => Math.exp(l) / sum)
    }
    const wanted = [...softmax(logits.slice(0, 3)), ...softmax(logits.slice(3))]
    expectNear(probabilities.data, wanted, { absolute: 5e-7 })
  })
})

describe('refine', () => {
  const x = curve(40)
  test.each<[string, VAEConfig]>([
    ['a diagonal Gaussian', small],
    ['a full covariance', { ...small, latent: { type: 'gaussian', units: 2, covariance: 'full' } }],
    ['Laplace', { ...small, latent: { type: 'laplace', units: 2 } }],
    ['logistic', { ...small, latent: { type: 'logistic', units: 2 } }],
    [
      'a mixture prior',
      { ...small, latent: { type: 'gaussian', units: 2, prior: { type: 'mixture', components: 3 } } },
    ],
    ['switches', { ...small, latent: { type: 'bernoulli', units: 4 } }],
    [
      'two groups and a condition',
      {
        ...small,
        latent: [
          { type: 'gaussian', units: 2 },
          { type: 'categorical', units: 1, classes: 3 },
        ],
        condition: { classes: 2 },
      },
    ],
  ])('does not lower the mean bound, and does not touch the model: %s', async (_, config) => {
    const condition = config.condition ? { condition: 1 } : {}
    const vae = new VAE(config)
    await vae.fit(x, { epochs: 20, batchSize: 20, verbose: false, ...condition })
    const trained = bits(vae)
    const options = { steps: 60, learningRate: 0.03, seed: 2, ...condition }
    const refined = await vae.refine(x, options)
    expect(refined.before).toHaveLength(40)
    expect(mean(finite(refined.after))).toBeGreaterThan(mean(finite(refined.before)))
    expect(refined.amortizationGap).toBeCloseTo(mean(refined.after) - mean(refined.before), 10)
    expect(bits(vae)).toEqual(trained)
    expect(await vae.refine(x, { ...options, threads: 2 })).toEqual(refined)
    const encoded = await vae.encode(x, condition)
    expect(refined.encoding.mean.shape).toEqual(encoded.mean.shape)
    expect(refined.encoding.mean).not.toEqual(encoded.mean)
    // Each row has an ascent of its own, which other rows do not change.
    const others = { ...x, data: Float32Array.from([...x.data.slice(0, 12), ...curve(39, 12, 7).data]) }
    const beside = await vae.refine(others, options)
    expect(beside.after[0]).toBe(refined.after[0])
    expect(beside.after[1]).not.toBe(refined.after[1])
  })

  test.each<[string, VAEConfig]>([
    ['a diagonal Gaussian', small],
    ['a full covariance', { ...small, latent: { type: 'gaussian', units: 2, covariance: 'full' } }],
    ['logistic', { ...small, latent: { type: 'logistic', units: 2 } }],
    ['a Gaussian likelihood', { ...small, likelihood: 'gaussian' }],
    ['one with a full covariance', { ...small, likelihood: { type: 'gaussian', covariance: 'full' } }],
    ['one of low rank', { ...small, likelihood: { type: 'gaussian', covariance: 'lowRank', rank: 2 } }],
    ['switches', { ...small, latent: { type: 'bernoulli', units: 4 } }],
  ])('leaves a row where it was rather than worse or infinite, however long the steps are: %s', async (_, config) => {
    const vae = new VAE(config)
    await vae.fit(x, { epochs: 5, batchSize: 20, verbose: false })
    const { encoding, before, after, amortizationGap } = await vae.refine(x, { steps: 20, learningRate: 100 })
    expect([...before, ...after, ...encoding.mean.data].every(Number.isFinite)).toBe(true)
    expect(Array.from(after, (bound, i) => bound - (before[i] as number)).every((gap) => gap >= 0)).toBe(true)
    expect(amortizationGap).toBeGreaterThanOrEqual(0)
  })
})
