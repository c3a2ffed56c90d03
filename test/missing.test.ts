/** Rows with missing cells, which have no part in the loss and are filled from the observed cells. */

import { describe, expect, test } from 'vitest'
import { type LikelihoodPart, VAE, type VAEConfig } from '../src/index.js'
import { parseConfig } from '../src/options/config.js'
import { bench } from './helpers/bench-addon.js'
import { bits, generator } from './helpers/data.js'
import { dataFor } from './helpers/random-configs.js'

const parts: LikelihoodPart[] = [
  { type: 'gaussian', columns: 2, variance: 'perFeature' },
  { type: 'laplace', columns: 1, scale: 'perDatum' },
  { type: 'categorical', columns: 2, classes: [4, 2], coding: 'codes' },
  { type: 'poisson', columns: 1 },
  { type: 'bernoulli', columns: 1 },
  { type: 'continuousBernoulli', columns: 1 },
]
const COLUMNS = 8
const config: VAEConfig = {
  input: COLUMNS,
  encoder: [6],
  latent: 2,
  decoder: [5],
  likelihood: parts,
  missing: true,
  seed: 3,
}

/** Rows of the config's domain, a third of their cells missing. */
function holes(rows: number, seed: number) {
  const random = generator(seed)
  const { x } = dataFor({ ...config, missing: false }, rows, random)
  const whole = x.data.slice()
  const data = whole.map((value) => (random() < 1 / 3 ? Number.NaN : value))
  return { x: { data, shape: x.shape }, whole }
}

const { x, whole } = holes(60, 7)
const fit = { epochs: 4, batchSize: 20, verbose: false } as const

describe('a row with missing cells', () => {
  test('is trained on and scored', async () => {
    const vae = new VAE(config)
    const { epochs } = await vae.fit(x, fit)
    expect(epochs.at(-1)?.loss).toBeLessThan(epochs[0]?.loss as number)
    const { parts: losses, ...rest } = await vae.evaluate(x, { samples: 5 })
    expect([...Object.values(rest), ...(losses ?? [])].every(Number.isFinite)).toBe(true)
    for (const answer of [await vae.anomalyScore(x), (await vae.logLikelihood(x, { samples: 50 })).perExample]) {
      expect(answer.every(Number.isFinite)).toBe(true)
    }
    expect((await vae.encode(x)).mean.data.every(Number.isFinite)).toBe(true)
    expect(vae.encodeSync(x).mean).toEqual((await vae.encode(x)).mean)
    expect((await vae.reconstruct(x)).data.every(Number.isFinite)).toBe(true)
  })

  test.each<[VAEConfig]>([
    [{ latent: 2 }],
    [{ latent: [{ type: 'bernoulli', units: 3 }] }],
    [
      {
        latent: [
          { type: 'gaussian', units: 2 },
          { type: 'categorical', units: 1, classes: 3 },
        ],
      },
    ],
  ])('is refined, and its likelihood estimated from the refined posterior: %j', async (latent) => {
    const vae = new VAE({ ...config, ...latent })
    await vae.fit(x, fit)
    const rows = { data: x.data.slice(0, 6 * COLUMNS), shape: [6, COLUMNS] }
    const { before, after } = await vae.refine(rows, { steps: 60 })
    const [posterior, refined] = [
      (await vae.logLikelihood(rows, { samples: 4000 })).perExample,
      (await vae.logLikelihood(rows, { samples: 4000, proposal: 'refined' })).perExample,
    ]
    for (let row = 0; row < 6; row++) {
      expect(after[row]).toBeGreaterThan((before[row] as number) - 0.05)
      // The bound is below log p(observed), which both proposals estimate.
      expect(after[row]).toBeLessThan((posterior[row] as number) + 0.2)
      expect(Math.abs((posterior[row] as number) - (refined[row] as number))).toBeLessThan(0.3)
    }
  })

  test('with no cell at all costs nothing but its divergence', async () => {
    const vae = new VAE(config)
    await vae.fit(x, fit)
    const nothing = { data: new Float32Array(COLUMNS).fill(Number.NaN), shape: [1, COLUMNS] }
    const { reconstruction, parts: losses } = await vae.evaluate(nothing, { samples: 3 })
    expect(reconstruction).toBe(0)
    expect(losses).toEqual(parts.map(() => 0))
  })

  test('costs the sum of its cells, each alone', async () => {
    // A decoder that puts out its biases, whatever z is.
    const model = new bench.Model(parseConfig({ ...config, scale: 'none' }).spec)
    const tensors = model.readParameters() as Record<string, Float32Array>
    for (const [name, values] of Object.entries(tensors)) if (/^likelihood.*weight$/.test(name)) values.fill(0)
    model.writeParameters(tensors)
    const cost = async (present: (column: number) => boolean) => {
      const row = whole.slice(0, COLUMNS).map((value, column) => (present(column) ? value : Number.NaN))
      const options = { threads: 1, samples: 1, seed: 1, condition: undefined }
      return (await model.evaluate(new bench.Dataset(row, COLUMNS), options).promise).reconstruction
    }
    let sum = 0
    for (let column = 0; column < COLUMNS; column++) {
      const alone = await cost((other) => other === column)
      expect(alone).not.toBe(0)
      sum += alone
    }
    expect(Math.abs((await cost(() => true)) - sum)).toBeLessThan(1e-5 * Math.abs(sum))
  })

  test('a missing cell changes no bit, whatever it would have been', async () => {
    // The same cells are missing, and the data in them, which are never read, differ.
    const other = holes(60, 8).whole
    const masked = other.map((value, i) => (Number.isNaN(x.data[i]) ? Number.NaN : (x.data[i] ?? value)))
    const [a, b] = [new VAE(config), new VAE(config)]
    await a.fit(x, fit)
    await b.fit({ data: masked, shape: x.shape }, fit)
    expect(bits(a)).toEqual(bits(b))
  })

  test('a model without `missing: true` refuses NaN, and impute', async () => {
    const vae = new VAE({ ...config, missing: false })
    await expect(vae.fit(x, fit)).rejects.toThrow(/^Expected .* for x \(row \d+, column \d\)/)
    await expect(vae.impute(x)).rejects.toThrow('for missing but received false')
  })

  test.each<[VAEConfig, string]>([
    [{ likelihood: 'multinomial' }, 'counts with a given total'],
    [{ likelihood: { type: 'categorical', classes: 4 } }, 'one-hot columns'],
    [{ likelihood: { type: 'gaussian', covariance: 'full' } }, 'a covariance'],
    [
      { input: [1, 2, 4], encoder: [{ type: 'conv', channels: 2, kernel: 1 }] },
      'missing: data with missing cells have',
    ],
  ])('cells of %j cannot be missing', (more, message) => {
    expect(() => new VAE({ input: 8, missing: true, ...more })).toThrow(message)
  })

  test('a bad cell is still refused', async () => {
    const bad = { data: x.data.slice(), shape: x.shape }
    bad.data[5 * COLUMNS + 3] = 4
    await expect(new VAE(config).encode(bad)).rejects.toThrow('x (row 5, column 3)')
    bad.data[5 * COLUMNS + 3] = Number.POSITIVE_INFINITY
    await expect(new VAE(config).encode(bad)).rejects.toThrow('x (row 5, column 3)')
  })
})

describe('impute', () => {
  test('fills missing cells within their domains and leaves the others alone', async () => {
    const vae = new VAE(config)
    await vae.fit(x, fit)
    for (const draws of [undefined, 3]) {
      const filled = await vae.impute(x, { draws, seed: 2 })
      expect(filled.shape).toEqual(draws ? [3, 60, COLUMNS] : [60, COLUMNS])
      for (let i = 0; i < filled.data.length; i++) {
        const value = filled.data[i] as number
        const given = x.data[i % x.data.length] as number
        if (!Number.isNaN(given)) expect(value).toBe(given)
        const column = i % COLUMNS
        if (column === 3) expect([0, 1, 2, 3]).toContain(value)
        if (column === 4) expect([0, 1]).toContain(value)
        if (column >= 5) expect(value).toBeGreaterThanOrEqual(0)
        if (column >= 6) expect(value).toBeLessThanOrEqual(1)
        expect(Number.isFinite(value)).toBe(true)
      }
    }
    expect(await vae.impute(x, { seed: 2, threads: 1 })).toEqual(await vae.impute(x, { seed: 2, threads: 2 }))
    expect((await vae.impute(x, { draws: 2, seed: 2 })).data).not.toEqual((await vae.impute(x, { draws: 2 })).data)
  })

  test('of a linear-Gaussian model is the regression on the observed columns', async () => {
    // x2 = x1 + noise of deviation 0.1, so that E[x2|x1] is nearly x1.
    const random = generator(1)
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const rows = 2000
    const data = new Float32Array(rows * 2)
    for (let row = 0; row < rows; row++) {
      const first = normal()
      data.set([first, first + 0.1 * normal()], row * 2)
    }
    const train = data.map((value) => (random() < 0.1 ? Number.NaN : value))
    const vae = new VAE({ input: 2, encoder: [16], latent: 1, decoder: [], likelihood: 'gaussian', missing: true })
    await vae.fit({ data: train, shape: [rows, 2] }, { epochs: 60, batchSize: 100, verbose: false, learningRate: 0.01 })
    const probe = [-1.5, -0.5, 0, 0.5, 1.5]
    const asked = { data: Float32Array.from(probe.flatMap((value) => [value, Number.NaN])), shape: [5, 2] }
    const filled = (await vae.impute(asked, { samples: 2000 })).data
    for (const [i, value] of probe.entries()) expect(Math.abs((filled[2 * i + 1] as number) - value)).toBeLessThan(0.15)
    // Draws have the spread of p(x2|x1).
    const draws = (await vae.impute(asked, { draws: 400, samples: 500 })).data
    const second = Array.from({ length: 400 }, (_, k) => draws[k * 10 + 5] as number)
    const mean = second.reduce((sum, value) => sum + value) / 400
    const deviation = Math.sqrt(second.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 400)
    expect(Math.abs(mean)).toBeLessThan(0.1)
    expect(deviation).toBeGreaterThan(0.05)
    expect(deviation).toBeLessThan(0.3)
  }, 30_000)
})
