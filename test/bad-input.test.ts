/** Data and calls that are wrong: a clear error that names the argument, and nothing lost. */

import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { Dataset, VAE, VAEError } from '../src/index.js'
import { bits, curve, small } from './helpers/data.js'

const x = curve(40)
const gaussian = { ...small, likelihood: 'gaussian' } as const

/** Every method that takes rows. */
const methods: [string, (vae: VAE, data: never) => Promise<unknown>][] = [
  ['fit', (vae, data) => vae.fit(data, { epochs: 1, verbose: false })],
  ['evaluate', (vae, data) => vae.evaluate(data)],
  ['encode', (vae, data) => vae.encode(data)],
  ['reconstruct', (vae, data) => vae.reconstruct(data)],
  ['logLikelihood', (vae, data) => vae.logLikelihood(data, { samples: 2 })],
  ['anomalyScore', (vae, data) => vae.anomalyScore(data)],
]

/** Rows with another value in one cell. */
function spoilt(value: number, row = 7, column = 3) {
  const data = x.data.slice()
  data[row * 12 + column] = value
  return { data, shape: x.shape }
}

describe.each(methods)('%s refuses', (_name, call) => {
  const refused = async (data: unknown, error: Error, config: object = small) => {
    const vae = new VAE(config)
    const before = bits(vae)
    await expect(call(vae, data as never)).rejects.toThrow(error)
    expect(bits(vae)).toEqual(before)
    // Nothing is lost: the right data still works.
    await call(vae, x as never)
  }

  test('rows of the wrong width', async () => {
    await refused(
      { data: new Float32Array(22), shape: [2, 11] },
      new RangeError('Expected rows of 12 numbers for x.shape but received [ 2, 11 ] of type Array'),
    )
    await refused([[1, 2, 3]], new RangeError('Expected 12 numbers for x[0] but received [ 1, 2, 3 ] of type Array'))
    await refused(
      new Dataset([[1, 2, 3]]),
      new RangeError('Expected rows of 12 numbers for x.columns but received 3 of type number'),
    )
    await refused(
      new Float64Array(13),
      new RangeError(
        'Expected whole rows of 12 numbers for x but received Float64Array(13) [ 0, 0, 0, 0, ... 9 more items ] of type Float64Array',
      ),
    )
  })

  test('no rows', async () => {
    await refused([], new RangeError('Expected at least one row for x but received [] of type Array'))
    await refused(
      new Float32Array(0),
      new RangeError('Expected at least one row for x but received Float32Array(0) [] of type Float32Array'),
    )
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%f, with its row and column',
    async (value) => {
      const shown = `for x (row 7, column 3) but received ${value} of type number`
      await refused(spoilt(value), new RangeError(`Expected a finite number ${shown}`), gaussian)
      await refused(
        spoilt(value),
        new RangeError(`Expected a number from 0 to 1, as the likelihood 'bernoulli' needs, ${shown}`),
      )
    },
  )

  test.each([-0.25, 1.5])('%f for a Bernoulli likelihood, with its row and column', async (value) => {
    const what = "Expected a number from 0 to 1, as the likelihood 'bernoulli' needs,"
    await refused(
      spoilt(value, 39, 11),
      new RangeError(`${what} for x (row 39, column 11) but received ${value} of type number`),
    )
    await call(new VAE(gaussian), spoilt(value) as never)
  })

  test('a number above 1, by the name of the likelihood that has no density for it', async () => {
    const what = "Expected a number from 0 to 1, as the likelihood 'continuousBernoulli' needs,"
    await refused(
      spoilt(1.5, 39, 11),
      new RangeError(`${what} for x (row 39, column 11) but received 1.5 of type number`),
      { ...small, likelihood: 'continuousBernoulli' },
    )
  })

  test.each<[string, (cell: number) => unknown]>([
    ['a Float64Array', (cell) => Float64Array.from(x.data).fill(cell, 87, 88)],
    ['number[][]', (cell) => Array.from({ length: 8 }, (_, i) => new Array(12).fill(0).fill(i === 7 ? cell : 0, 3, 4))],
  ])('a number in %s that is too large for float32, by its own value', async (_form, made) => {
    await refused(
      made(-1e300),
      new RangeError(
        'Expected a number within ±3.40e+38, the range of float32, for x (row 7, column 3) but received -1e+300 of type number',
      ),
      gaussian,
    )
    const infinite = 'Expected a finite number for x (row 7, column 3) but received Infinity of type number'
    await refused(made(Number.POSITIVE_INFINITY), new RangeError(infinite), gaussian)
  })

  test('what is no matrix', async () => {
    const forms = 'a Tensor, a typed array of numbers, number[][], an array of typed arrays or a Dataset'
    await refused('x', new TypeError(`Expected ${forms} for x but received 'x' of type string`))
    await refused(null, new TypeError(`Expected ${forms} for x but received null of type null`))
  })
})

describe('a Dataset', () => {
  test('refuses rows without numbers, by name', () => {
    expect(() => new Dataset({ data: new Float32Array(0), shape: [3, 0] })).toThrow(
      new RangeError('Expected at least one number in a row for data.shape but received [ 3, 0 ] of type Array'),
    )
  })

  test('cannot be made from another Dataset', () => {
    expect(() => new Dataset(new Dataset([[1]]) as never)).toThrow(
      /^Expected a Tensor, a typed array of numbers, number\[\]\[\] or an array of typed arrays for data but received Dataset/,
    )
  })

  test('has the same numbers from any realm, and from clamped bytes', async () => {
    const vae = new VAE(small)
    const floats = runInNewContext(`new Float32Array([${x.data}])`) as Float32Array
    expect(await vae.encode(new Dataset(floats, { columns: 12 }))).toEqual(await vae.encode(x))
    const bytes = Uint8Array.from(x.data, (value) => 255 * value)
    expect(await vae.encode(new Uint8ClampedArray(bytes))).toEqual(await vae.encode(bytes))
  })
})

describe('fit refuses', () => {
  test('validation data as it refuses data, before training begins', async () => {
    const vae = new VAE(small)
    let epochs = 0
    const callbacks = { onEpochBegin: () => ++epochs }
    await expect(vae.fit(x, { validationData: spoilt(2), callbacks, verbose: false })).rejects.toThrow(
      /for validationData \(row 7, column 3\) but received 2 of type number$/,
    )
    await expect(vae.fit(x, { validationData: [[1]], callbacks, verbose: false })).rejects.toThrow(
      'Expected 12 numbers for validationData[0] but received [ 1 ] of type Array',
    )
    expect(epochs).toBe(0)
  })

  test('to train a model of another width on MNIST', async () => {
    await expect(new VAE(small).fit(undefined, { verbose: false })).rejects.toThrow(
      'Expected rows of 12 numbers (MNIST, which is used without x, has 784) for x but received undefined of type undefined',
    )
  })

  test('a second fit while one runs, which goes on', async () => {
    const vae = new VAE(small)
    const first = vae.fit(x, { epochs: 3, verbose: false })
    const busy = { name: 'VAEError', code: 'BUSY' }
    await expect(vae.fit(x, { verbose: false })).rejects.toMatchObject(busy)
    expect((await first).epochs).toHaveLength(3)
    expect((await vae.fit(x, { epochs: 1, verbose: false })).epochs).toHaveLength(1)
  })

  test('a second fit from within a callback of the first', async () => {
    const vae = new VAE(small)
    const callbacks = { onEpochEnd: () => vae.fit(x, { verbose: false }) }
    await expect(vae.fit(x, { callbacks, verbose: false })).rejects.toMatchObject({ code: 'BUSY' })
  })

  test('to be read from or saved while an epoch runs', async () => {
    const vae = new VAE(small)
    const controller = new AbortController()
    const running = vae.fit(x, {
      epochs: 1e6,
      verbose: false,
      signal: controller.signal,
      callbacks: {
        onBatchEnd() {
          expect(() => vae.parameters()).toThrow(expect.objectContaining({ code: 'BUSY' }))
          vae.save('/nonexistent/folder').catch((error: VAEError) => controller.abort(error.code))
        },
      },
    })
    await expect(running).rejects.toMatchObject({ name: 'AbortError', cause: 'BUSY' })
  })
})

test('work that was begun before fit ends before it trains', async () => {
  const vae = new VAE(small)
  const before = await vae.encode(x)
  const [encoded, history] = await Promise.all([vae.encode(x), vae.fit(x, { epochs: 1, verbose: false })])
  expect(encoded).toEqual(before)
  expect(history.epochs).toHaveLength(1)
})

describe('a loss that is no longer finite', () => {
  const wild = { optimizer: { type: 'sgd', learningRate: 1e30 }, verbose: false } as const

  test('rejects with DIVERGED, epoch and step, and the parameters of the epoch’s beginning', async () => {
    const vae = new VAE(gaussian)
    await vae.fit(x, { epochs: 2, verbose: false })
    const good = bits(vae)
    const error: unknown = await vae.fit(x, { ...wild, batchSize: 8 }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(VAEError)
    expect(error).toMatchObject({ code: 'DIVERGED', epoch: 3, step: expect.any(Number), cause: expect.any(Error) })
    expect((error as VAEError).step).toBeGreaterThanOrEqual(1)
    expect((error as VAEError).step).toBeLessThanOrEqual(5)
    expect((error as Error).message).toContain(`epoch 3, step ${(error as VAEError).step}`)
    expect(bits(vae)).toEqual(good)
    expect(vae.history.epochs).toHaveLength(2)
  })

  test('leaves a model that trains on as if the failed fit had not been', async () => {
    const [hurt, whole] = [new VAE(gaussian), new VAE(gaussian)]
    await expect(hurt.fit(x, { ...wild, batchSize: 8 })).rejects.toMatchObject({ code: 'DIVERGED', epoch: 1 })
    for (const vae of [hurt, whole]) await vae.fit(x, { epochs: 2, verbose: false })
    expect(bits(hurt)).toEqual(bits(whole))
  })
})

describe('options of methods are checked', () => {
  const vae = new VAE(small)
  test.each<[string, () => Promise<unknown>, string]>([
    [
      'evaluate',
      () => vae.evaluate(x, { sampels: 1 } as never),
      'Unknown option "sampels" for evaluate; did you mean "samples"?',
    ],
    [
      'encode',
      () => vae.encode(x, { samples: 1 } as never),
      'Unknown option "samples" for encode; the options are signal, threads, condition, seed, draw',
    ],
    ['sample', () => vae.sample(0), 'Expected a positive integer for n but received 0 of type number'],
    ['sample', () => vae.sample(3e9), 'Expected an integer from 1 to 2147483647 for n but received 3000000000'],
    ['sample', () => vae.sample('3' as never), "Expected a positive integer for n but received '3' of type string"],
    [
      'sample',
      () => vae.sample(1, { seed: -1 }),
      'Expected a safe integer of at least 0 for seed but received -1 of type number',
    ],
    [
      'logLikelihood',
      () => vae.logLikelihood(x, { samples: 0 }),
      'Expected a positive integer for samples but received 0 of type number',
    ],
    [
      'refine',
      () => vae.refine(x, { steps: 3e9 }),
      'Expected an integer from 1 to 2147483647 for steps but received 3000000000 of type number',
    ],
    [
      'anomalyScore',
      () => vae.anomalyScore(x, 5 as never),
      'Expected an object of options for anomalyScore but received 5 of type number',
    ],
    ['decode', () => vae.decode([[1, 2, 3]]), 'Expected 2 numbers for z[0] but received [ 1, 2, 3 ] of type Array'],
    [
      'decode',
      () => vae.decode([[1, Number.NaN]]),
      'Expected a finite number for z (row 0, column 1) but received NaN of type number',
    ],
    [
      'decode',
      () => vae.decode(Uint8Array.of(1, 2)),
      'Expected numbers, not bytes that stand for pixels, for z but received Uint8Array(2) [ 1, 2 ] of type Uint8Array',
    ],
  ])('%s', async (_name, call, message) => {
    await expect(call()).rejects.toThrow(message)
  })
})

test('a step that ruins the parameters is undone if only the next epoch shows it', async () => {
  const rows = curve(64)
  const vae = new VAE({ ...small, likelihood: 'gaussian' })
  await vae.fit(rows, { epochs: 3, batchSize: 64, verbose: false })
  const before = bits(vae)
  const wild = { epochs: 10, batchSize: 64, optimizer: 'sgd', learningRate: 1e10, verbose: false } as const
  await expect(vae.fit(rows, wild)).rejects.toMatchObject({ code: 'DIVERGED', epoch: 5, step: 1 })
  expect(bits(vae)).toEqual(before)
  const { epochs } = await vae.fit(rows, { epochs: 1, verbose: false })
  expect(epochs[0]).toMatchObject({ epoch: 4, loss: expect.closeTo((await vae.evaluate(rows)).loss, 0) })
})

test('data that no parameters could give a finite loss leave the model as it was before fit', async () => {
  const vae = new VAE({ ...small, likelihood: 'gaussian' })
  await vae.fit(x, { epochs: 3, batchSize: 8, verbose: false })
  const before = bits(vae)
  const huge = { data: x.data.map((cell) => cell * 1e30), shape: x.shape }
  await expect(vae.fit(huge, { epochs: 2, verbose: false })).rejects.toMatchObject({
    code: 'DIVERGED',
    epoch: 4,
    step: 1,
  })
  expect(bits(vae)).toEqual(before)
})
