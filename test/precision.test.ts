/** Training with products of bfloat16 factors: what it changes, what it leaves, and when it is refused. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { backend, type FitOptions, type Latent, type Likelihood, mnist, VAE, type VAEConfig } from '../src/index.js'
import { native } from '../src/native.js'
import { bits, curve, generator, rowsOf, small } from './helpers/data.js'
import { dataFor } from './helpers/random-configs.js'

const quiet = { verbose: false } as const

describe('without products of bfloat16', () => {
  beforeEach(() => {
    const found = native.backend()
    vi.spyOn(native, 'backend').mockReturnValue({ ...found, bfloat16: false })
  })
  afterEach(() => vi.restoreAllMocks())

  test('they are refused, and the model is as it was', async () => {
    const x = curve(60)
    const [vae, other] = [new VAE(small), new VAE(small)]
    const before = bits(vae)
    const message =
      "Expected 'float32', as this processor or backend has no bfloat16 products (see backend().bfloat16), " +
      "for precision but received 'bfloat16' of type string"
    await expect(vae.fit(x, { ...quiet, precision: 'bfloat16' })).rejects.toThrow(new RangeError(message))
    expect(bits(vae)).toEqual(before)
    expect(vae.history.epochs).toEqual([])
    // The refused call does not count as a fit: the next one is the first.
    await vae.fit(x, { ...quiet, epochs: 1 })
    await other.fit(x, { ...quiet, epochs: 1, precision: 'float32' })
    expect(bits(vae)).toEqual(bits(other))
  })
})

/** Hidden layers of more than one panel, whose last one is not full, and products of two hidden layers. */
const wide = { input: 30, encoder: [70, 50], latent: 5, decoder: [50, 70] } as const
const x = curve(300, 30)

describe.skipIf(!backend().bfloat16)('with products of bfloat16', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aevb-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function reloaded(vae: VAE): Promise<VAE> {
    await vae.save(folder)
    return VAE.load(folder)
  }

  /** The last batch is smaller than the others, and none is a whole number of tasks. */
  async function trained(options: FitOptions = {}, config: VAEConfig = wide, data: FitOptions['validationData'] = x) {
    const vae = new VAE(config)
    const history = await vae.fit(data, { epochs: 2, batchSize: 70, precision: 'bfloat16', ...quiet, ...options })
    return { vae, history, bits: bits(vae) }
  }

  test('threads make no difference', async () => {
    const one = await trained({ threads: 1 })
    expect((await trained({ threads: 2 })).bits).toEqual(one.bits)
    expect((await trained({ threads: 3 })).bits).toEqual(one.bits)
  })

  test('2 and 3 epochs are 5', async () => {
    const parts = await trained({ epochs: 2 })
    await parts.vae.fit(x, { epochs: 3, batchSize: 70, precision: 'bfloat16', ...quiet })
    expect(bits(parts.vae)).toEqual((await trained({ epochs: 5 })).bits)
  })

  test('validation and all results of a trained model are computed in float32', async () => {
    const held = rowsOf(x, 200, 300)
    const { vae, history } = await trained({ validationData: held }, wide, rowsOf(x, 0, 200))
    const { examples: _, ...losses } = await vae.evaluate(held)
    expect(history.epochs.at(-1)?.validation).toEqual(losses)
    // A model that has never seen a product of bfloat16.
    const other = await reloaded(vae)
    const answers = async (model: VAE) => ({
      evaluation: await model.evaluate(held),
      encoding: await model.encode(held),
      now: model.encodeSync(held),
      reconstructed: await model.reconstruct(held),
      sampled: await model.sample(7),
      scores: await model.anomalyScore(held),
      likelihoods: await model.logLikelihood(held, { samples: 20 }),
      refined: await model.refine(held, { steps: 3 }),
    })
    expect(await answers(other)).toEqual(await answers(vae))
    expect(bits(other)).toEqual(bits(vae))
  })

  // Without draws, shuffling and moments, a fit depends on earlier fits only by the parameters.
  const memoryless = { epochs: 1, batchSize: 70, shuffle: false, optimizer: 'sgd', ...quiet } as const
  const plain = { ...wide, objective: { deterministic: true } } as const

  test.each([
    ['float32', 'bfloat16'],
    ['bfloat16', 'float32'],
    ['bfloat16', 'bfloat16'],
  ] as const)('a fit of %s leaves nothing but the parameters to one of %s', async (first, second) => {
    const vae = new VAE(plain)
    await vae.fit(x, { ...memoryless, precision: first })
    const [fresh, other] = [await reloaded(vae), await reloaded(vae)]
    await vae.fit(x, { ...memoryless, precision: second })
    await fresh.fit(x, { ...memoryless, precision: second })
    expect(bits(vae)).toEqual(bits(fresh))
    await other.fit(x, { ...memoryless, precision: second === 'float32' ? 'bfloat16' : 'float32' })
    expect(bits(other)).not.toEqual(bits(fresh))
  })

  test('float32 is the default', async () => {
    expect((await trained({ precision: 'float32' })).bits).toEqual((await trained({ precision: undefined })).bits)
  })

  // If the parameters that training begins with are rounded to bfloat16, and nothing else is, the test loss of this
  // fit moves by up to 0.4 nats; another seed moves it by 1.4. At Adam's default rate either moves it by nats.
  test('MNIST is learnt as well', { timeout: 60_000 }, async () => {
    const { train, test: held } = await mnist()
    const images = rowsOf(train.images, 0, 10_000)
    const options = { epochs: 4, learningRate: 0.002, ...quiet }
    const learn = async (precision: FitOptions['precision']) => {
      const vae = new VAE()
      const { epochs } = await vae.fit(images, { ...options, precision })
      return { training: epochs.at(-1)?.loss as number, test: (await vae.evaluate(held.images)).loss }
    }
    const [exact, rounded] = [await learn('float32'), await learn('bfloat16')]
    for (const loss of ['training', 'test'] as const) {
      expect(Math.abs(rounded[loss] - exact[loss]), loss).toBeLessThan(1)
      expect(rounded[loss], loss).not.toBe(exact[loss])
    }
  })

  const likelihoods: Likelihood[] = [
    { type: 'bernoulli' },
    { type: 'bernoulli', binarize: 'stochastic' },
    { type: 'continuousBernoulli' },
    ...([0.1, 'learned', 'perFeature', 'perDatum'] as const).flatMap((spread): Likelihood[] => [
      { type: 'gaussian', variance: spread },
      { type: 'laplace', scale: spread },
    ]),
    { type: 'gaussian', covariance: 'full' },
    { type: 'gaussian', covariance: 'lowRank', rank: 2, variance: 'learned' },
    { type: 'categorical', classes: 3 },
    { type: 'categorical', classes: [2, 28] },
    { type: 'multinomial' },
    { type: 'poisson' },
  ]
  const latents: Latent[] = [
    { type: 'gaussian', units: 5 },
    { type: 'gaussian', units: 5, covariance: 'full' },
    { type: 'gaussian', units: 5, prior: { type: 'mixture', components: 3 } },
    { type: 'laplace', units: 5 },
    { type: 'logistic', units: 5 },
    { type: 'categorical', units: 3, classes: 4 },
    { type: 'bernoulli', units: 5 },
  ]
  const configs: VAEConfig[] = [
    ...likelihoods.map((likelihood) => ({ ...wide, likelihood })),
    ...latents.map((latent) => ({ ...wide, latent })),
    { ...wide, latent: latents, condition: { classes: 3 }, corruption: { type: 'masking', probability: 0.2 } },
    // The heads read the data, and the likelihood's heads read z.
    { ...wide, encoder: [], decoder: [] },
  ]

  test.each(configs)('%j', async (config) => {
    const { x: data, condition } = dataFor(config, 150, generator(3))
    const one = await trained({ condition, threads: 1 }, config, data)
    expect(one.history.epochs.length).toBeGreaterThan(0)
    for (const { loss, reconstruction, kl } of one.history.epochs) {
      expect([loss, reconstruction, kl].every(Number.isFinite)).toBe(true)
    }
    expect((await trained({ condition, threads: 2 }, config, data)).bits).toEqual(one.bits)
    expect(await (await reloaded(one.vae)).evaluate(data, { condition })).toEqual(
      await one.vae.evaluate(data, { condition }),
    )
    expect((await trained({ condition, precision: 'float32' }, config, data)).bits).not.toEqual(one.bits)
  })
})
