/** Likelihoods of several parts: each part has its own columns of a row, from the first to the last. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type LikelihoodPart, VAE, type VAEConfig } from '../src/index.js'
import { parseConfig } from '../src/options/config.js'
import { bench } from './helpers/bench-addon.js'
import { generator } from './helpers/data.js'
import { dataFor } from './helpers/random-configs.js'

const parts: LikelihoodPart[] = [
  { type: 'gaussian', columns: 3, variance: 'perFeature' },
  { type: 'categorical', columns: 2, classes: [4, 2], coding: 'codes' },
  { type: 'poisson', columns: 2 },
  { type: 'bernoulli', columns: 1 },
]
const config: VAEConfig = { input: 8, encoder: [6], latent: 2, decoder: [5], likelihood: parts, seed: 3, scale: 'none' }
const { x } = dataFor(config, 40, generator(5))

/** The parameters of a model of the core, by name. */
function parametersOf(model: InstanceType<typeof bench.Model>): Record<string, Float32Array> {
  return model.readParameters() as Record<string, Float32Array>
}

/** A model whose q(z|x) is the same for every x, so that models of different columns draw the same z. */
function blind(config: VAEConfig) {
  const model = new bench.Model(parseConfig(config).spec)
  const tensors = parametersOf(model)
  for (const name of ['latent.mean.weight', 'latent.logVariance.weight']) tensors[name]?.fill(0)
  return { model, tensors }
}

const columnsOf = (first: number, count: number) => {
  const rows = x.shape[0] as number
  const data = new Float32Array(rows * count)
  for (let row = 0; row < rows; row++) data.set(x.data.subarray(row * 8 + first, row * 8 + first + count), row * count)
  return data
}

describe('a likelihood of several parts', () => {
  test('has the sum of the losses of models of each part, with the same z', async () => {
    const whole = blind(config)
    whole.model.writeParameters(whole.tensors)
    const options = { threads: 1, samples: 3, seed: 4, condition: undefined }
    const terms = await whole.model.evaluate(new bench.Dataset(x.data, 8), options).promise
    expect(terms.parts.length).toBe(parts.length)
    let [first, sum] = [0, 0]
    for (const [i, { columns, ...likelihood }] of parts.entries()) {
      const alone = blind({ ...config, input: columns, likelihood } as VAEConfig)
      for (const name of Object.keys(alone.tensors)) {
        const shared = whole.tensors[name.replace('likelihood.', `likelihood.${i}.`)] ?? whole.tensors[name]
        // The encoders read different columns, which q(z|x) does not depend on.
        if (shared && shared.length === alone.tensors[name]?.length) alone.tensors[name] = shared
      }
      alone.model.writeParameters(alone.tensors)
      const own = await alone.model.evaluate(new bench.Dataset(columnsOf(first, columns), columns), options).promise
      expect(terms.parts[i]).toBe(own.reconstruction)
      first += columns
      sum += own.reconstruction
    }
    expect(Math.abs(terms.reconstruction - sum)).toBeLessThan(1e-12 * Math.abs(sum))
  })

  test('reports each part in every epoch, and in evaluate', async () => {
    const vae = new VAE(config)
    const { epochs } = await vae.fit(x, { epochs: 3, batchSize: 16, verbose: false, validationSplit: 0.2 })
    for (const losses of [...epochs, ...epochs.map(({ validation }) => validation), await vae.evaluate(x)]) {
      expect(losses?.parts?.length).toBe(parts.length)
      const sum = losses?.parts?.reduce((total, part) => total + part) as number
      expect(Math.abs(sum - (losses?.reconstruction as number))).toBeLessThan(1e-9 * Math.abs(sum))
    }
    expect((await new VAE({ input: 8 }).evaluate(new Float32Array(8))).parts).toBeUndefined()
  })

  test('scales its numbers and no other columns, and its densities stay those of the data', async () => {
    const moved = { data: x.data.map((value, i) => (i % 8 < 3 ? 1000 * value + 5000 : value)), shape: x.shape }
    const fit = { epochs: 1, batchSize: 40, verbose: false, learningRate: 1e-9 } as const
    const [near, far] = [new VAE({ ...config, scale: 'standard' }), new VAE({ ...config, scale: 'standard' })]
    await near.fit(x, fit)
    await far.fit(moved, fit)
    const [a, b] = [await near.evaluate(x), await far.evaluate(moved)]
    // Three columns are a thousand times as wide.
    const wider = 3 * Math.log(1000)
    expect((b.parts?.[0] as number) - (a.parts?.[0] as number)).toBeCloseTo(wider, 3)
    for (const part of [1, 2, 3]) expect(b.parts?.[part]).toBeCloseTo(a.parts?.[part] as number, 4)
    const back = await far.reconstruct(moved)
    expect(back.shape).toEqual([40, 3 + 6 + 2 + 1])
    expect(Math.abs((back.data[0] as number) - 5000)).toBeLessThan(4000)
  })

  test('gives means and draws of every part, each from random numbers of its own', async () => {
    const twins: LikelihoodPart[] = [
      { type: 'gaussian', columns: 2, variance: 1 },
      { type: 'gaussian', columns: 2, variance: 1 },
    ]
    const vae = new VAE({ input: 4, encoder: [], latent: 1, decoder: [], likelihood: twins, scale: 'none' })
    const z = new Float32Array(500)
    const mean = (await vae.decode(z)).data
    const draws = (await vae.decode(z, { draw: true, seed: 1 })).data
    let together = 0
    for (let row = 0; row < 500; row++) {
      const noise = (column: number) => (draws[row * 4 + column] as number) - (mean[row * 4 + column] as number)
      together += noise(0) * noise(2)
    }
    // The correlation of 500 independent pairs is within five of its standard errors.
    expect(Math.abs(together / 500)).toBeLessThan(5 / Math.sqrt(500))
  })

  test('names its tensors by the parts, and is saved with them', async () => {
    const vae = new VAE(config)
    await vae.fit(x, { epochs: 1, verbose: false })
    expect(vae.summary()).toMatch(/likelihood\.1\.logits\.weight +\[6, 5\]/)
    expect(vae.summary()).toMatch(/likelihood\.0\.logVariance +\[3\]/)
    const folder = await mkdtemp(join(tmpdir(), 'aevb-'))
    try {
      await vae.save(folder)
      const loaded = await VAE.load(folder)
      expect(await loaded.evaluate(x)).toEqual(await vae.evaluate(x))
      expect(loaded.encodeSync(x).mean).toEqual((await vae.encode(x)).mean)
      expect(await loaded.anomalyScore(x)).toEqual(await vae.anomalyScore(x))
      const more = { samples: 300, seed: 1 }
      expect((await loaded.logLikelihood(x, more)).perExample).toEqual((await vae.logLikelihood(x, more)).perExample)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test.each([
    [0, 'a finite number', Number.NaN],
    [3, 'a class number, which is a whole number from 0 to 3,', 4],
    [4, 'a class number, which is a whole number from 0 to 1,', 2],
    [6, 'a count', 1.5],
    [7, "a number from 0 to 1, as the likelihood 'bernoulli' needs,", 2],
  ])('refuses a bad cell of column %i by what its part needs', async (column, words, value) => {
    const bad = { data: x.data.slice(), shape: x.shape }
    bad.data[2 * 8 + column] = value
    bad.data[3 * 8] = Number.NaN
    const vae = new VAE(config)
    const message = `x (row 2, column ${column})`
    await expect(vae.encode(bad)).rejects.toThrow(message)
    await expect(vae.encode(bad)).rejects.toThrow(words)
    expect(() => vae.encodeSync(bad)).toThrow(message)
  })

  test.each<[unknown, string]>([
    [[{ type: 'gaussian', columns: 3 }], 'Expected likelihoods whose columns add up to the 8 of input for likelihood'],
    [[{ type: 'gaussian' }], 'for likelihood[0].columns'],
    [[{ type: 'gaussian', columns: 8, head: { type: 'conv', kernel: 3 } }], 'Unknown option "head" for likelihood[0]'],
    [
      [
        { type: 'poisson', columns: 6 },
        { type: 'gaussian', columns: 2, covariance: 'lowRank', rank: 3 },
      ],
      'for likelihood[1].rank',
    ],
    [[], 'Expected'],
  ])('refuses %j', (likelihood, message) => {
    expect(() => new VAE({ input: 8, likelihood: likelihood as LikelihoodPart[] })).toThrow(message)
  })
})
