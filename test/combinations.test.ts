/** Configs drawn from the whole schema: each trains, and is the same with any number of threads and from a file. */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backend, type FitOptions, VAE, type VAEConfig } from '../src/index.js'
import type { NativeDataset, NativeModel } from '../src/native.js'
import { parseConfig } from '../src/options/config.js'
import { fitPlan } from '../src/options/fit-options.js'
import { bench } from './helpers/bench-addon.js'
import { bits, bitsOf, generator } from './helpers/data.js'
import { finite, isNear } from './helpers/near.js'
import { dataFor, type RandomData, randomConfig, randomInvalidConfig } from './helpers/random-configs.js'

/** More than one task of rows in a batch, and a last batch that is smaller. */
const ROWS = 70
const fitOptions = { epochs: 2, batchSize: 40, verbose: false } satisfies FitOptions

interface Case {
  readonly config: VAEConfig
  readonly data: RandomData
  readonly precision: FitOptions['precision']
}
const random = generator(11)
// A generator of its own, so that the configs are the same on every machine.
const coin = generator(12)
const cases: Case[] = Array.from({ length: 200 }, () => {
  const config = randomConfig(random)
  const precision = backend().bfloat16 && coin() < 0.5 ? 'bfloat16' : 'float32'
  return { config, data: dataFor(config, ROWS, random), precision }
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aevb-'))
})
afterAll(() => rm(folder, { recursive: true }))

const train = (vae: VAE, { data: { x, condition }, precision }: Case, threads: number) =>
  vae.fit(x, { ...fitOptions, condition, precision, threads })

/** Every result of a model for data, floats as digests of their bits. */
async function answers(vae: VAE, { x, condition }: RandomData, threads: number) {
  const options = { condition, threads }
  const deterministic = vae.config.objective?.deterministic === true
  const count = { data: (condition?.data ?? new Float32Array()).slice(0, 5 * (condition?.shape[1] ?? 0)) }
  const five = condition && { ...count, shape: [5, condition.shape[1] as number] }
  const encoding = await vae.encode(x, options)
  const { groups, type, ...whole } = encoding
  expect(type).toBe(groups.length === 1 ? groups[0]?.type : undefined)
  expect(vae.encodeSync(x, condition ? { condition } : undefined)).toEqual(encoding)
  const { x: drawn, z } = await vae.sample(5, { condition: five, threads, draw: true, latent: true, seed: 3 })
  const tensors = {
    ...whole,
    ...Object.fromEntries(
      groups.flatMap(({ type: _type, ...group }, i) => Object.entries(group).map(([name, t]) => [`${i}.${name}`, t])),
    ),
    reconstructed: await vae.reconstruct(x, options),
    redrawn: await vae.reconstruct(x, { ...options, draw: true, seed: 2 }),
    sampled: await vae.sample(5, { condition: five, threads, seed: 3 }),
    decoded: await vae.decode(z, { condition: five, threads }),
    drawn,
    z,
    ...(deterministic ? {} : { posterior: (await vae.encode(x, { ...options, draw: true, seed: 4 })).z }),
  }
  for (const [name, { data }] of Object.entries(tensors)) expect(data.every(Number.isFinite), name).toBe(true)
  return {
    evaluation: await vae.evaluate(x, { ...options, samples: 3, seed: 1 }),
    scores: await vae.anomalyScore(x, options),
    ...(deterministic
      ? {}
      : {
          logLikelihood: await vae.logLikelihood(x, { ...options, samples: 7, seed: 1 }),
          defensive: await vae.logLikelihood(x, { ...options, samples: 30, seed: 1, proposal: 'defensive' }),
          refined: await vae.refine(x, { ...options, steps: 3, samples: 2, seed: 1 }),
        }),
    ...Object.fromEntries(
      Object.entries(tensors).map(([name, { data, shape }]) => [name, { shape, bits: bitsOf(data) }]),
    ),
  }
}

describe('200 configs drawn from the whole schema', () => {
  test('train to the same bits, and then give the same results, with 1 thread and with 2, and from a file', async () => {
    for (const each of cases) {
      const { config, data, precision } = each
      const shown = `${precision} ${JSON.stringify(config)}`
      const [one, two] = [new VAE(config), new VAE(config)]
      const before = bits(one)
      const [{ epochs }] = [await train(one, each, 1), await train(two, each, 2)]
      expect(epochs.length, shown).toBeGreaterThan(0)
      expect(
        epochs.every(({ loss, reconstruction, kl }) => [loss, reconstruction, kl].every(Number.isFinite)),
        shown,
      ).toBe(true)
      const trained = bits(one)
      // A divergence alone, below its free bits, has no gradient.
      if (config.objective?.weights?.reconstruction !== 0) expect(trained, shown).not.toEqual(before)
      expect(bits(two), shown).toEqual(trained)

      const results = await answers(one, data, 1)
      expect(Object.values(results.evaluation).flat().every(Number.isFinite), shown).toBe(true)
      expect(await answers(two, data, 2), shown).toEqual(results)
      expect(bits(one), shown).toEqual(trained)

      await one.save(folder)
      const loaded = await VAE.load(folder)
      expect(loaded.config, shown).toEqual(config)
      expect(bits(loaded), shown).toEqual(trained)
      expect(await answers(loaded, data, 2), shown).toEqual(results)
    }
  })

  test('have the gradient of their own loss', async () => {
    let checked = 0
    for (const { config, data } of cases) {
      if (isNoDerivative(config)) continue
      const { model, rows, condition } = await trained(config, data)
      const here = model.readParameters()
      let wrong: string[] = Object.keys(here).filter(isTrained)
      checked += wrong.length
      // A kink may be closer than the smallest step that shows anything, by chance. A wrong gradient is wrong for the
      // next parameters too.
      for (let attempt = 0; attempt < 8 && wrong.length > 0; attempt++) {
        model.writeParameters(moved(here))
        wrong = await wrongGradients(model, rows, condition, wrong)
      }
      expect(wrong, JSON.stringify(config)).toEqual([])
    }
    // Most of the 200, with several tensors each.
    expect(checked).toBeGreaterThan(1000)
  })
})

/** A gradient that is not the loss's derivative, by design; test/native/composed_gradient_test.cc tests those. */
function isNoDerivative(config: VAEConfig): boolean {
  const { objective, latents } = parseConfig(config).spec
  const straightThrough = latents.some((latent) => latent.straightThrough)
  return objective.estimator === 'scoreFunction' || objective.bound === 'dreg' || straightThrough
}

/** The core's model after an epoch, so that warm-ups are under way, and a few of the rows. A VAE does not expose it. */
async function trained(config: VAEConfig, { x, condition }: RandomData) {
  const { spec, dataColumns } = parseConfig(config)
  const model = new bench.Model(spec)
  const rows = new bench.Dataset(x.data, dataColumns)
  const given = condition && new bench.Dataset(condition.data, condition.shape[1] as number)
  model.beginFit(fitPlan(fitOptions).spec)
  await model.trainEpoch(rows, { threads: 1, batchInterval: 0, condition: given }).promise
  return { model, rows: rows.slice(0, 6), condition: given?.slice(0, 6) }
}

type Parameters = Record<string, Float32Array>

/** Parameters nearby: a unit whose inputs are all 0 is at relu's kink as long as its bias is 0. */
function moved(parameters: Parameters): Parameters {
  const near = (values: Float32Array) => values.map((value) => value + 0.3 * (random() - 0.5))
  return Object.fromEntries(
    Object.entries(parameters).map(([name, values]) => [name, isTrained(name) ? near(values) : values]),
  )
}

/** The columns' scale is learned from the data, and has no gradient. */
function isTrained(name: string): boolean {
  return !name.startsWith('scale.')
}

/**
 * The named tensors whose gradient differs from central differences of the loss along it.
 *
 * A loss is a sum of float32 results, each with a relative error of some 2^-24 from its own chain of roundings; 2^-22
 * of the terms' size is a chain of four errors of the same sign. Over a step h to either side, a difference quotient is
 * off by that error divided by h, and by the effect of the third derivative and of the kinks of relu, |x - m| and max
 * within the step. The first error falls as h grows and the second rises, so the best of some steps counts. The
 * gradient itself may be off by 1e-3 of its norm, because of its own sums in float32. A step is too small to show
 * anything if rounding may be a hundredth of the gradient; for a tensor of little influence, a hundredth of a twentieth
 * of the whole gradient.
 */
async function wrongGradients(
  model: NativeModel,
  rows: NativeDataset,
  condition: NativeDataset | undefined,
  names: readonly string[],
): Promise<string[]> {
  const at = () => bench.gradient(model, rows, { threads: 1, step: 5, condition })
  const here = model.readParameters()
  const { gradients, ...terms } = await at()
  finite([terms.reconstruction, terms.kl, terms.loss])
  const noise = 2 ** -22 * (1 + Math.abs(terms.reconstruction) + Math.abs(terms.kl) + Math.abs(terms.loss))
  const total = Math.hypot(...Object.values(gradients).map((gradient) => Math.hypot(...gradient)))
  const wrong: string[] = []
  for (const name of names) {
    const [gradient, values] = [gradients[name] as Float32Array, here[name] as Float32Array]
    const norm = Math.hypot(...gradient)
    // Without a gradient, any direction will do: the loss must not change along it.
    const direction = Array.from(gradient, (g) => (norm > 0 ? g / norm : 1 / Math.sqrt(gradient.length)))
    const agrees = async (h: number): Promise<boolean> => {
      const ends = [1, -1].map((sign) => values.map((value, i) => value + sign * h * (direction[i] as number)))
      const [above, below] = ends as [Float32Array, Float32Array]
      model.writeParameters({ ...here, [name]: above })
      const { loss: upper } = await at()
      model.writeParameters({ ...here, [name]: below })
      const { loss: lower } = await at()
      // Rounding the parameters changes the step; its part along the gradient counts.
      const step = direction.reduce((sum, d, i) => sum + ((above[i] as number) - (below[i] as number)) * d, 0)
      return isNear(norm, (upper - lower) / step, { relative: 1e-3, absolute: noise / h })
    }
    let right = await agrees(0.03)
    for (const h of [0.01, 0.003, 0.001, 3e-4, 1e-4, 3e-5]) {
      if (right || noise / h > 0.01 * Math.max(norm, total / 20)) break
      right = await agrees(h)
    }
    model.writeParameters(here)
    if (!right) wrong.push(name)
  }
  return wrong
}

describe('200 invalid configs', () => {
  const invalid = Array.from({ length: 200 }, () => randomInvalidConfig(random))

  test('are refused by the name of the field, and are left as they were', () => {
    for (const { config, field, way } of invalid) {
      const shown = `${way}: ${field} in ${JSON.stringify(config)}`
      const before = structuredClone(config)
      const error = refusal(() => new VAE(config as VAEConfig))
      expect(error instanceof TypeError || error instanceof RangeError, shown).toBe(true)
      expect(error?.message, shown).toContain(field)
      expect(config, shown).toEqual(before)
    }
  })

  test('are refused in a file too, and the folder is left as it was', async () => {
    await new VAE({ input: 3, encoder: [], latent: 1, decoder: [] }).save(folder)
    const path = join(folder, 'config.json')
    const { sha256: _sha256, checksum: _checksum, ...document } = JSON.parse(await readFile(path, 'utf8'))
    const names = (await readdir(folder)).sort()
    for (const { config, field, way } of invalid) {
      const shown = `${way}: ${field} in ${JSON.stringify(config)}`
      const written = JSON.stringify({ ...document, config })
      await writeFile(path, written)
      await expect(VAE.load(folder), shown).rejects.toMatchObject({
        code: 'CHECKPOINT_INVALID',
        message: expect.stringContaining(field),
      })
      expect(await readFile(path, 'utf8'), shown).toBe(written)
      expect((await readdir(folder)).sort(), shown).toEqual(names)
    }
  })
})

function refusal(make: () => unknown): Error | undefined {
  try {
    make()
  } catch (error) {
    return error as Error
  }
  return undefined
}
