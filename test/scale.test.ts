/** The columns' scale: numbers of any size train as well as if scaled by hand, and results are in the data's units. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { VAE, type VAEConfig, VAEError } from '../src/index.js'
import { generator } from './helpers/data.js'

const uniform = generator(5)
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
const ROWS = 600
const COLUMNS = 7

/** Rows of a linear model with noise, every column of about the same size. */
const weights = Array.from({ length: COLUMNS }, () => [normal(), normal(), normal()])
const plain = Array.from({ length: ROWS }, () => {
  const z = [normal(), normal(), normal()]
  return weights.map((w) => w.reduce((sum, value, i) => sum + value * (z[i] as number), 0) + 0.3 * normal())
})

const moments = (rows: readonly (readonly number[])[]) =>
  (rows[0] as readonly number[]).map((_, j) => {
    const mean = rows.reduce((sum, row) => sum + (row[j] as number), 0) / rows.length
    const squares = rows.reduce((sum, row) => sum + ((row[j] as number) - mean) ** 2, 0)
    return { mean, deviation: Math.sqrt(squares / rows.length) }
  })
const standardised = (rows: readonly (readonly number[])[]) => {
  const columns = moments(rows)
  return rows.map((row) => row.map((x, j) => (x - (columns[j]?.mean ?? 0)) / (columns[j]?.deviation ?? 1)))
}
const rowsOf = (data: Float32Array, columns: number) =>
  Array.from({ length: data.length / columns }, (_, i) => Array.from(data.subarray(i * columns, (i + 1) * columns)))
const logVolume = (rows: readonly (readonly number[])[]) =>
  moments(rows).reduce((sum, { deviation }) => sum + Math.log(deviation), 0)

/** From 1e-6 to 1e6 in one matrix, and offsets up to 1e6. */
const magnitudes = Array.from({ length: COLUMNS }, (_, j) => 10 ** (-6 + (12 * j) / (COLUMNS - 1)))
const offsets = magnitudes.map((size, j) => (size >= 1 ? (j % 2 ? 1e6 : -1e6) : 10 * size))
const mixed = plain.map((row) => row.map((x, j) => x * (magnitudes[j] as number) + (offsets[j] as number)))

const small = { input: COLUMNS, encoder: [24], latent: 3, decoder: [24] } satisfies VAEConfig
const fitOptions = { epochs: 8, verbose: false } as const

const likelihoods = [
  'gaussian',
  'laplace',
  { type: 'gaussian', variance: 'perFeature' },
  { type: 'gaussian', variance: 'perDatum' },
  { type: 'laplace', scale: 'perFeature' },
  { type: 'laplace', scale: 'perDatum' },
] as const

describe('columns from 1e-6 to 1e6, some 1e6 from 0', () => {
  test.each(likelihoods)('train as those scaled by hand, but for the log of the scale: %j', async (likelihood) => {
    const [given, byHand] = [new VAE({ ...small, likelihood }), new VAE({ ...small, likelihood, scale: 'none' })]
    const { epochs } = await given.fit(mixed, fitOptions)
    const { epochs: wanted } = await byHand.fit(standardised(mixed), fitOptions)
    // Float32 stores a column of 1 with an offset of 1e6 to 0.06 or 0.02 of its deviation; training amplifies that.
    expect((epochs[0]?.loss ?? 0) - logVolume(mixed)).toBeCloseTo(wanted[0]?.loss ?? Number.NaN, 1)
    expect(Math.abs((epochs[7]?.loss ?? 0) - logVolume(mixed) - (wanted[7]?.loss ?? Number.NaN))).toBeLessThan(0.5)
  })

  test('come back with their mean and spread', async () => {
    const vae = new VAE({ ...small, likelihood: { type: 'gaussian', variance: 'perFeature' } })
    await vae.fit(mixed, { epochs: 60, learningRate: 0.005, verbose: false })
    const drawn = moments(rowsOf((await vae.sample(4000, { draw: true })).data, COLUMNS))
    const given = moments(mixed)
    for (const [j, { mean, deviation }] of given.entries()) {
      expect(Math.abs(((drawn[j]?.mean ?? Number.NaN) - mean) / deviation)).toBeLessThan(0.3)
      expect(Math.abs((drawn[j]?.deviation ?? Number.NaN) / deviation - 1)).toBeLessThan(0.25)
    }
    const reconstructed = rowsOf((await vae.reconstruct(mixed)).data, COLUMNS)
    for (const j of magnitudes.keys()) {
      const errors = mixed.map((row, i) => (reconstructed[i]?.[j] ?? Number.NaN) - (row[j] as number))
      const error = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / ROWS)
      expect(error / (given[j]?.deviation ?? 0)).toBeLessThan(0.9)
    }
  })

  test('a model of any objective, posterior and optimiser learns from them', async () => {
    const configs: VAEConfig[] = [
      { objective: { bound: 'iwae', samples: 3 } },
      { objective: { bound: 'dreg', samples: 3 } },
      { objective: { estimator: 'scoreFunction', samples: 2, baseline: 'none' } },
      { objective: { deterministic: true } },
      { latent: { type: 'laplace', units: 2 } },
      {
        latent: [
          { type: 'gaussian', units: 2, covariance: 'full' },
          { type: 'categorical', units: 1, classes: 3 },
        ],
      },
      { corruption: { type: 'gaussian', std: 0.1 } },
    ]
    for (const config of configs) {
      for (const optimizer of ['adam', 'adagrad', 'rmsprop'] as const) {
        const vae = new VAE({ ...small, likelihood: 'gaussian', ...config })
        const twin = new VAE({ ...small, likelihood: 'gaussian', ...config, scale: 'none' })
        const { epochs } = await vae.fit(mixed, { epochs: 2, optimizer, verbose: false })
        const { epochs: wanted } = await twin.fit(standardised(mixed), { epochs: 2, optimizer, verbose: false })
        const difference = (epochs[1]?.loss ?? Number.NaN) - logVolume(mixed) - (wanted[1]?.loss ?? Number.NaN)
        expect(Math.abs(difference), `${JSON.stringify(config)} ${optimizer}`).toBeLessThan(1)
      }
    }
  })
})

describe('a density in the data’s units', () => {
  test('integrates to 1: exp(logLikelihood) over one column', async () => {
    const column = plain.map((row) => [250 + 40 * (row[0] as number)])
    for (const likelihood of ['gaussian', { type: 'gaussian', variance: 400 }, 'laplace'] as const) {
      const vae = new VAE({ input: 1, encoder: [8], latent: 1, decoder: [8], likelihood })
      await vae.fit(column, { epochs: 5, verbose: false })
      const step = 1
      const grid = Array.from({ length: 2400 }, (_, i) => [250 - 1200 + i * step])
      const { perExample } = await vae.logLikelihood(grid, { samples: 400, seed: 3 })
      const integral = perExample.reduce((sum, log) => sum + Math.exp(log) * step, 0)
      // 400 draws for each point, over many points, have an error of some thousandths.
      expect(Math.abs(integral - 1)).toBeLessThan(0.05)
    }
  })

  test('every score of scaled columns is larger by the log of their factor', async () => {
    const factor = 1000
    const far = plain.map((row) => row.map((x) => x * factor))
    const [one, other] = [new VAE({ ...small, likelihood: 'gaussian' }), new VAE({ ...small, likelihood: 'gaussian' })]
    await one.fit(plain, { epochs: 2, verbose: false })
    await other.fit(far, { epochs: 2, verbose: false })
    const shift = COLUMNS * Math.log(factor)
    const [a, b] = [await one.anomalyScore(plain), await other.anomalyScore(far)]
    for (const [i, score] of a.entries()) expect(Math.abs((b[i] as number) - shift - score)).toBeLessThan(0.05)
    const likelihood = { samples: 20, seed: 1 }
    const [p, q] = [await one.logLikelihood(plain, likelihood), await other.logLikelihood(far, likelihood)]
    expect(Math.abs(q.mean + shift - p.mean)).toBeLessThan(0.05)
    const ascent = { steps: 3, seed: 1 }
    const [r, s] = [await one.refine(plain.slice(0, 9), ascent), await other.refine(far.slice(0, 9), ascent)]
    for (const [i, bound] of r.after.entries()) {
      expect(Math.abs((s.after[i] as number) + shift - bound)).toBeLessThan(0.1)
    }
    expect(r.after.every(Number.isFinite)).toBe(true)
  })

  test('a variance that is a number is in those units', async () => {
    const vae = new VAE({ ...small, likelihood: { type: 'gaussian', variance: 1e6 }, encoder: [], decoder: [] })
    const rows = plain.map((row) => row.map((x) => x * 1e3))
    await vae.fit(rows, { epochs: 1, verbose: false })
    const z = new Float32Array(4000 * 3)
    const drawn = moments(rowsOf((await vae.decode({ data: z, shape: [4000, 3] }, { draw: true })).data, COLUMNS))
    for (const { deviation } of drawn) expect(Math.abs(deviation / 1000 - 1)).toBeLessThan(0.06)
  })
})

describe('what is learned', () => {
  const scaleOf = (vae: VAE) => [vae.parameters()['scale.shift']?.data, vae.parameters()['scale.factor']?.data]

  test('are mean and deviation of the training rows alone, at the first fit, whatever the threads', async () => {
    const vae = new VAE({ ...small, likelihood: 'gaussian' })
    expect(scaleOf(vae)).toEqual([new Float32Array(COLUMNS), new Float32Array(COLUMNS)])
    const wild = mixed.map((row) => row.map((x) => 50 * x))
    await vae.fit(mixed, { epochs: 1, validationData: wild, threads: 1, verbose: false })
    const [shift, factor] = scaleOf(vae)
    for (const [j, { mean, deviation }] of moments(mixed.map((row) => row.map(Math.fround))).entries()) {
      expect(shift?.[j]).toBe(Math.fround(mean))
      expect((factor?.[j] ?? 0) / deviation).toBeCloseTo(1, 6)
    }
    await vae.fit(wild, { epochs: 1, verbose: false })
    expect(scaleOf(vae)).toEqual([shift, factor])
    const other = new VAE({ ...small, likelihood: 'gaussian' })
    await other.fit(mixed, { epochs: 1, validationData: wild, threads: 2, verbose: false })
    expect(scaleOf(other)).toEqual([shift, factor])
  })

  test('is saved with the model, learned or not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aevb-'))
    try {
      const vae = new VAE({ ...small, likelihood: 'laplace' })
      await vae.save(folder)
      const fresh = await VAE.load(folder)
      await Promise.all([vae, fresh].map((model) => model.fit(mixed, { epochs: 2, verbose: false })))
      expect(fresh.parameters()).toEqual(vae.parameters())
      await vae.save(folder)
      const loaded = await VAE.load(folder)
      expect(loaded.parameters()).toEqual(vae.parameters())
      expect(await loaded.anomalyScore(mixed)).toEqual(await vae.anomalyScore(mixed))
      expect(await loaded.sample(5, { draw: true })).toEqual(await vae.sample(5, { draw: true }))
      expect(loaded.encodeSync(mixed.slice(0, 3))).toEqual(await vae.encode(mixed.slice(0, 3)))
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('is discarded if the first epoch diverges', async () => {
    const vae = new VAE({ ...small, likelihood: 'gaussian' })
    const before = vae.parameters()
    const diverging = vae.fit(mixed, { epochs: 2, learningRate: 1e30, verbose: false })
    await expect(diverging).rejects.toMatchObject({ code: 'DIVERGED' })
    expect(vae.parameters()).toEqual(before)
    const counts = new VAE({ input: 2, encoder: [4], latent: 1, decoder: [4], likelihood: 'poisson' })
    const fresh = counts.parameters()
    const rows = Array.from({ length: 40 }, (_, i) => [i, 3 * i])
    await expect(counts.fit(rows, { epochs: 2, learningRate: 1e30, verbose: false })).rejects.toMatchObject({
      code: 'DIVERGED',
    })
    expect(counts.parameters()).toEqual(fresh)
  })

  test('is the identity for pixels, which train to the same bits as without', async () => {
    const pixels = plain.map((row) => row.map((x) => Math.min(1, Math.max(0, 0.5 + x / 6))))
    const bytes = { data: Uint8Array.from(pixels.flat(), (x) => Math.round(255 * x)), shape: [ROWS, COLUMNS] }
    for (const x of [pixels, bytes]) {
      const [auto, none] = [
        new VAE({ ...small, likelihood: 'gaussian' }),
        new VAE({ ...small, likelihood: 'gaussian', scale: 'none' }),
      ]
      const histories = [
        await auto.fit(x, { epochs: 2, verbose: false }),
        await none.fit(x, { epochs: 2, verbose: false }),
      ]
      const losses = histories.map(({ epochs }) => epochs.map(({ loss }) => loss))
      expect(losses[0]).toEqual(losses[1])
      expect(auto.parameters()['scale.factor']?.data).toEqual(new Float32Array(COLUMNS).fill(1))
    }
    const forced = new VAE({ ...small, likelihood: 'gaussian', scale: 'standard' })
    await forced.fit(bytes, { epochs: 1, verbose: false })
    expect(forced.parameters()['scale.factor']?.data.every((factor) => factor < 0.9)).toBe(true)
  })

  test('a constant column counts as 0, with factor 1', async () => {
    const vae = new VAE({ ...small, likelihood: 'gaussian' })
    await vae.fit(
      plain.map((row) => [12345, ...row.slice(1)]),
      { epochs: 1, verbose: false },
    )
    expect(vae.parameters()['scale.shift']?.data[0]).toBe(12345)
    expect(vae.parameters()['scale.factor']?.data[0]).toBe(1)
  })
})

describe('counts', () => {
  const poisson = (rate: number) => Math.max(0, Math.round(rate + Math.sqrt(rate) * normal()))
  const shares = Array.from({ length: 20 }, () => Math.exp(normal()))
  const counts = (largest: number) =>
    Array.from({ length: 400 }, () => {
      const z = normal()
      return shares.map((share, j) =>
        Math.min(largest, poisson((largest / 20) * share * Math.exp(0.3 * z * Math.sin(j)))),
      )
    })

  test.each([100, 1e4, 1e6])('up to %d train at the default rate', async (largest) => {
    const rows = counts(largest)
    for (const likelihood of ['poisson', 'multinomial'] as const) {
      const vae = new VAE({ input: 20, encoder: [32], latent: 3, decoder: [32], likelihood })
      const constant = await vae.evaluate(rows)
      const { epochs } = await vae.fit(rows, { epochs: 30, verbose: false })
      const losses = epochs.map(({ loss }) => loss)
      expect(losses.every(Number.isFinite)).toBe(true)
      expect(losses[0]).toBeLessThan(constant.loss)
      // Most of the loss of small counts is their noise.
      expect(Math.min(...losses)).toBeLessThan((largest > 100 ? 0.5 : 0.9) * (losses[0] as number))
    }
  })

  test('the decoder’s biases begin at the log of the mean rates', async () => {
    const rows = counts(1000)
    const means = moments(rows).map(({ mean }) => mean)
    const total = means.reduce((sum, mean) => sum + mean, 0)
    for (const [likelihood, name, by] of [
      ['poisson', 'likelihood.logRate.bias', 1],
      ['multinomial', 'likelihood.logits.bias', total],
    ] as const) {
      const vae = new VAE({ input: 20, encoder: [4], latent: 1, decoder: [4], likelihood })
      await vae.fit(rows, { epochs: 1, learningRate: 1e-12, verbose: false })
      means.forEach((mean, j) => {
        expect(vae.parameters()[name]?.data[j]).toBeCloseTo(Math.log(mean / by), 4)
      })
    }
  })

  test('without a scale the encoder sees them as they are', async () => {
    const vae = new VAE({ input: 2, encoder: [], latent: 1, decoder: [], likelihood: 'poisson', scale: 'none' })
    expect(vae.parameters()['scale.factor']).toBeUndefined()
    const { weight, bias } = {
      weight: vae.parameters()['latent.mean.weight'],
      bias: vae.parameters()['latent.mean.bias'],
    }
    const expected = 3 * (weight?.data[0] ?? 0) + 7 * (weight?.data[1] ?? 0) + (bias?.data[0] ?? 0)
    expect(vae.encodeSync([[3, 7]]).mean.data[0]).toBeCloseTo(expected, 5)
  })
})

describe('what is unsuitable is named', () => {
  const withColumn = (column: (i: number) => number) =>
    plain.map((row, i) => [...row.slice(0, 3), column(i), ...row.slice(4)])
  const failure = (rows: number[][], config: VAEConfig = {}) =>
    new VAE({ ...small, likelihood: 'gaussian', ...config })
      .fit(rows, { epochs: 2, verbose: false })
      .catch((error: unknown) => error as Error)

  test('a column with values that float32 cannot distinguish, or with a deviation that it cannot represent', async () => {
    for (const column of [
      (i: number) => 1e6 + 1e-6 * i,
      (i: number) => 1e9 + (i % 7),
      (i: number) => 1e-40 * i,
      (i: number) => (i === 17 ? 1e30 : i),
    ]) {
      const error = await failure(withColumn(column))
      expect(error).toMatchObject({ name: 'VAEError', code: 'DATA_UNSUITABLE' })
      expect((error as Error).message).toMatch(
        /^Expected a column .* for x \(column 3\) but received numbers from \S+ to \S+$/,
      )
    }
  })

  test('an outlier that makes an unscaled model diverge, and one beyond the scale that was learned', async () => {
    const outlier = withColumn((i) => (i === 17 ? 1e30 : 1))
    const unscaled = await failure(outlier, { scale: 'none' })
    expect(unscaled).toBeInstanceOf(VAEError)
    expect((unscaled as Error).message).toContain(
      "column 3 of x holds 1e+30 in this step, and the model does not scale its data: give it scale: 'auto'",
    )
    const vae = new VAE({ ...small, likelihood: 'gaussian' })
    await vae.fit(plain, { epochs: 1, verbose: false })
    const later = await vae.fit(outlier, { epochs: 1, verbose: false }).catch((error: unknown) => error as Error)
    expect((later as Error).message).toMatch(
      /column 3 of x holds 1e\+30 in this step, far from the mean \S+ and standard deviation \S+ that the model has learned/,
    )
    const fast = await new VAE({ ...small, likelihood: 'gaussian' })
      .fit(plain, { epochs: 2, learningRate: 1e30, verbose: false })
      .catch((error: unknown) => error as Error)
    expect((fast as Error).message).toContain('try a lower learningRate')
  })
})

test('a posterior’s log-variance that would overflow is bounded', async () => {
  const vae = new VAE({ input: 1, encoder: [], latent: 1, decoder: [], likelihood: 'gaussian', scale: 'none' })
  const weight = vae.parameters()['latent.logVariance.weight']?.data[0] ?? Number.NaN
  const bias = vae.parameters()['latent.logVariance.bias']?.data[0] ?? Number.NaN
  const logVarianceFor = (wanted: number) => vae.encodeSync([[(wanted - bias) / weight]]).logVariance?.data[0]
  expect(logVarianceFor(7)).toBeCloseTo(7, 4)
  expect(logVarianceFor(30)).toBeCloseTo(40 - 20 * Math.exp(-0.5), 3)
  expect(logVarianceFor(-1e9)).toBe(-40)
  expect(logVarianceFor(1e9)).toBe(40)
})
