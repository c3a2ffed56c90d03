/** Networks of all layers: gradients, bits, files, and shapes that do not fit. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backend, type Layer, VAE, type VAEConfig } from '../src/index.js'
import { parseConfig } from '../src/options/config.js'
import type { Tensor } from '../src/tensor.js'
import { bench } from './helpers/bench-addon.js'
import { bits, generator } from './helpers/data.js'
import { imagesFor, randomNetwork } from './helpers/random-networks.js'

const COUNT = process.env.AEVB_DEEP === '1' ? 1000 : 300
const ROWS = 37

interface Case {
  readonly config: VAEConfig
  readonly x: Tensor<Float32Array>
  readonly condition?: Tensor<Float32Array>
}
const random = generator(31)
const cases: Case[] = Array.from({ length: COUNT }, () => {
  const config = randomNetwork(random)
  const x = imagesFor(config, ROWS, random)
  if (typeof config.condition !== 'number') return { config, x }
  const shape = [ROWS, config.condition]
  return { config, x, condition: { data: Float32Array.from({ length: ROWS * config.condition }, random), shape } }
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aevb-'))
})
afterAll(() => rm(folder, { recursive: true }))

test(`${COUNT} random networks train to the same bits with 1, 2 and 3 threads`, async () => {
  for (const { config, x, condition } of cases) {
    const trained: VAE[] = []
    for (const threads of [1, 2, 3]) {
      const vae = new VAE(config)
      const { epochs } = await vae.fit(x, { epochs: 1, batchSize: 36, condition, threads, verbose: false })
      expect(Number.isFinite(epochs[0]?.loss), JSON.stringify(config)).toBe(true)
      trained.push(vae)
    }
    const [one, two, three] = trained.map(bits)
    expect(two, JSON.stringify(config)).toEqual(one)
    expect(three).toEqual(one)
    const answers = await Promise.all(
      trained.slice(0, 2).map(async (vae, i) => {
        const options = { condition, threads: i + 1, seed: 1 }
        return [await vae.evaluate(x, options), await vae.encode(x, options), await vae.reconstruct(x, options)]
      }),
    )
    expect(answers[1], JSON.stringify(config)).toEqual(answers[0])
  }
}, 240_000)

test('random networks give the same results after they were saved and loaded', async () => {
  for (const [i, { config, x, condition }] of cases.entries()) {
    const vae = new VAE(config)
    await vae.fit(x, { epochs: 1, batchSize: 20, condition, verbose: false })
    await vae.save(join(folder, `${i}`))
    const loaded = await VAE.load(join(folder, `${i}`))
    expect(bits(loaded), JSON.stringify(config)).toEqual(bits(vae))
    const options = { condition, seed: 2 }
    expect(await loaded.evaluate(x, options)).toEqual(await vae.evaluate(x, options))
    expect(await loaded.anomalyScore(x, { condition })).toEqual(await vae.anomalyScore(x, { condition }))
    expect(vae.encodeSync(x, condition ? { condition } : undefined)).toEqual(await loaded.encode(x, options))
  }
}, 120_000)

/** The derivative of the loss along the gradient, by central differences, and the gradient's length. */
function slopes({ config, x, condition }: Case): { error: number; length: number } {
  const { spec, dataColumns } = parseConfig({ ...config, scale: 'none' })
  const model = new bench.Model(spec)
  const rows = new bench.Dataset(x.data, dataColumns)
  const given = condition && new bench.Dataset(condition.data, condition.shape[1] as number)
  const at = () => bench.gradient(model, rows, { threads: 1, step: 5, condition: given })
  const here = model.readParameters()
  const { gradients, loss } = at()
  const trained = Object.keys(gradients).filter((name) => !name.includes('running_'))
  const length = Math.hypot(...trained.map((name) => Math.hypot(...(gradients[name] as Float32Array))))
  let best = Number.POSITIVE_INFINITY
  for (const h of [1e-1, 3e-2, 1e-2, 3e-3, 1e-3]) {
    const step = (h * Math.max(1, Math.abs(loss))) / Math.max(length, 1) / 30
    const moved = (sign: number) => {
      const values = Object.fromEntries(
        Object.entries(here).map(([name, value]) => [
          name,
          trained.includes(name)
            ? value.map((v, i) => v + (sign * step * ((gradients[name] as Float32Array)[i] as number)) / length)
            : value,
        ]),
      )
      model.writeParameters(values)
      return at().loss
    }
    const slope = (moved(1) - moved(-1)) / (2 * step)
    best = Math.min(best, Math.abs(slope - length) / length)
  }
  model.writeParameters(here)
  return { error: best, length }
}

/** Whether the gradient that training follows is that of the loss: not of these estimators. */
function hasOwnDerivative({ objective = {}, latent }: VAEConfig): boolean {
  const straight = JSON.stringify(latent).includes('"straightThrough":true')
  return objective.bound !== 'dreg' && objective.estimator !== 'scoreFunction' && !straight
}

// Every tensor of 300 networks is compared with the plain objective in test/native/network_gradient_test.cc. These few
// come from configurations, through the facade.
test('random networks have the gradient of their own loss', () => {
  const wrong = cases
    .filter(({ config }) => config.corruption === undefined && hasOwnDerivative(config))
    .filter((_, i) => i % 12 === 0)
    .map((each) => ({ ...slopes(each), config: JSON.stringify(each.config) }))
    .filter(({ error }) => !(error < 2e-2))
  expect(wrong).toEqual([])
}, 30_000)

describe('a shape that does not fit is refused with its place, its kind and both shapes', () => {
  const conv = (more: object = {}): Layer => ({ type: 'conv', channels: 4, kernel: 3, ...more }) as Layer
  test.each<[VAEConfig, string]>([
    [
      { input: [1, 4, 4], encoder: [conv(), conv()], decoder: [] },
      'encoder.1 (conv): a kernel of 3 x 3 does not fit an input of [4, 2, 2]',
    ],
    [
      { input: [2, 5], encoder: [conv({ padding: 'same', pool: 8 })], decoder: [] },
      'encoder.0.pool (maxPool): a window of 8 does not fit an input of [4, 5]',
    ],
    [
      { input: [1, 4, 4], encoder: [], decoder: [10, { type: 'reshape', shape: [2, 2, 3] }] },
      'decoder.1 (reshape): [2, 2, 3] has 12 elements, and the input has 10',
    ],
    [
      {
        input: [1, 4, 4],
        encoder: [],
        decoder: [8, { type: 'reshape', shape: [2, 2, 2] }],
        likelihood: { type: 'bernoulli', head: { type: 'conv', kernel: 3, upsample: 3 } },
      },
      "likelihood.head makes [1, 6, 6] of the decoder's [2, 2, 2], and the data are [1, 4, 4]",
    ],
    [
      { input: [3, 4, 4], encoder: [conv({ groups: 2 })], decoder: [] },
      'encoder.0 (conv): groups (2) must divide the channels of input and output (3 and 4)',
    ],
    [
      { input: [1, 4, 4], encoder: [{ type: 'residual', layers: [conv({ padding: 'same' }), conv({ kernel: 9 })] }] },
      'encoder.0.layers.1 (conv): a kernel of 9 x 9 does not fit an input of [4, 4, 4]',
    ],
    [
      { input: [1, 8, 8], encoder: [conv({ kernel: 60_000, padding: 'same' })], decoder: [] },
      'encoder.0 (conv): a window of 60000 x 60000 has more than 2^24 elements',
    ],
    [
      { input: [1, 8, 8], encoder: [conv({ padding: 60_000 })], decoder: [] },
      'encoder.0 (conv): it makes [4, 120006, 120006], more than 2^24 positions',
    ],
    [
      { input: [1, 8, 8], encoder: [conv({ channels: 1e9, padding: 'same' })], decoder: [] },
      'encoder.0 (conv): it makes [1000000000, 8, 8], more than 2^31 numbers',
    ],
    [
      { input: [1, 8, 8], encoder: [{ type: 'upsample', factor: 60_000 }], decoder: [] },
      'encoder.0 (upsample): it makes [1, 1, 480000, 480000], more than 2^24 positions',
    ],
  ])('%j', (config, message) => {
    expect(() => new VAE(config)).toThrow(new RangeError(message))
  })

  test('and so are sizes of another number of dimensions, and images without a shape', () => {
    expect(() => new VAE({ input: [1, 4, 4], encoder: [conv({ kernel: [3] })] })).toThrow(
      'Expected a number or 2 numbers, one for each spatial dimension of the data for encoder[0].kernel',
    )
    expect(() => new VAE({ input: 16, encoder: [conv()] })).toThrow('which `input` gives')
  })
})

describe('batch normalisation over a single position', () => {
  const config: VAEConfig = { input: 6, encoder: [5, { type: 'batchNorm' }], latent: 2, decoder: [4] }
  const x = { data: Float32Array.from({ length: 6 * 9 }, generator(3)), shape: [9, 6] }

  test('refuses batches of one row by name, and leaves the model as it was', async () => {
    const vae = new VAE(config)
    const before = bits(vae)
    await expect(vae.fit(x, { batchSize: 1, verbose: false })).rejects.toThrow(
      'encoder.1 (batchNorm) needs at least 2 rows in a batch, and a batch has 1',
    )
    expect(bits(vae)).toEqual(before)
  })

  test('takes a last row alone along with the batch before', async () => {
    const sizes: number[] = []
    const callbacks = { onBatchEnd: (_: number, { examples }: { examples: number }) => void sizes.push(examples) }
    await new VAE(config).fit(x, { epochs: 1, batchSize: 4, callbacks, verbose: false })
    expect(sizes).toEqual([4, 5])
    sizes.length = 0
    await new VAE({ ...config, encoder: [5] }).fit(x, { epochs: 1, batchSize: 4, callbacks, verbose: false })
    expect(sizes).toEqual([4, 4, 1])
  })
})

describe("decoder: 'mirror'", () => {
  test('is the reverse of the encoder, and its first convolution becomes the head', () => {
    const block = { type: 'conv', kernel: 3, padding: 'same', norm: 'batch', activation: 'relu', pool: 2 } as const
    const written = new VAE({
      input: [1, 8, 8],
      encoder: [{ ...block, channels: 4 }, { ...block, channels: 6 }, 10],
      decoder: [
        10,
        24,
        { type: 'reshape', shape: [6, 2, 2] },
        { type: 'conv', channels: 4, kernel: 3, padding: 'same', upsample: 2, norm: 'batch', activation: 'relu' },
      ],
      likelihood: { type: 'bernoulli', head: { type: 'conv', kernel: 3, upsample: 2 } },
    })
    const mirrored = new VAE({
      input: [1, 8, 8],
      encoder: [{ ...block, channels: 4 }, { ...block, channels: 6 }, 10],
      decoder: 'mirror',
    })
    expect(bits(mirrored)).toEqual(bits(written))
    expect(mirrored.config.decoder).toBe('mirror')
  })

  test('of dense layers is their reverse', () => {
    expect(bits(new VAE({ input: 9, encoder: [5, 4], decoder: 'mirror' }))).toEqual(
      bits(new VAE({ input: 9, encoder: [5, 4], decoder: [4, 5] })),
    )
  })

  const conv = { type: 'conv', channels: 4, kernel: 3 } as const
  const same = { ...conv, padding: 'same', norm: 'batch', pool: 2 } as const
  const stride = { ...conv, kernel: 5, stride: 2, dilation: 2 } as const
  const halved = { type: 'residual', layers: [{ ...conv, channels: 6, padding: 'same', stride: 2 }] } as const
  const codes = { type: 'categorical', classes: 5, coding: 'codes' } as const
  test.each<[string, VAEConfig]>([
    ['an odd size, pooled', { input: [1, 28, 28], encoder: [same, same, same] }],
    ['an odd size, strided', { input: [2, 9, 7], encoder: [{ ...conv, padding: 'same', stride: 2 }] }],
    ['no padding, dilated, of one dimension', { input: [3, 30], encoder: [stride] }],
    ['no padding, of three', { input: [1, 9, 8, 7], encoder: [{ ...conv, kernel: [1, 2, 3] }, conv, 5] }],
    ['a global average', { input: [3, 6, 5], encoder: [same, { type: 'avgPool', size: 'global' }] }],
    ['residual blocks', { input: [1, 8, 8], encoder: [conv, halved, { type: 'activation' }, same] }],
    ['a residual block first', { input: [3, 8, 8], encoder: [halved] }],
    [
      'layers of a block as layers',
      { input: [3, 8, 8], encoder: [conv, { type: 'layerNorm' }, { type: 'activation' }] },
    ],
    ['an embedding', { input: [1, 12], encoder: [{ type: 'embedding', units: 3 }, same], likelihood: codes }],
  ])('comes back to the shape of the data: %s', async (_, config) => {
    const vae = new VAE({ latent: 2, ...config, decoder: 'mirror' })
    const shape = config.input as readonly number[]
    const columns = shape.reduce((product, size) => product * size, 1)
    const x = { data: new Uint8Array(3 * columns).map((_, i) => (i * 7) % 5), shape: [3, ...shape] }
    await vae.fit(x, { epochs: 1, verbose: false })
    const outputs = config.likelihood ? [3, columns * codes.classes] : [3, ...shape]
    expect((await vae.decode(new Float32Array(6))).shape).toEqual(outputs)
  })

  test('follows a change of the padding by as much', () => {
    const padded = { ...conv, padding: { before: [1, 0], after: [2, 0] } }
    const vae = new VAE({ input: [1, 8, 8], encoder: [padded], latent: 2, decoder: 'mirror' })
    expect(vae.summary()).toMatch(/encoder\.0 +conv +\[4, 9, 6\]/)
    expect(vae.summary()).toMatch(/likelihood\.logits +conv +\[1, 8, 8\]/)
  })

  test.each<[Layer[], string]>([
    [[{ type: 'convTranspose', channels: 2, kernel: 3 }], 'decoder beside encoder[0]'],
    [
      [conv, { ...conv, kernel: 1, stride: 2 }],
      'the reverse of this layer makes [4,4] of [2,2], and its input has [3,3]',
    ],
    [[conv, { type: 'residual', layers: [{ ...conv, stride: 2, padding: 'same' }] }], 'its input has [3,3]'],
  ])('refuses what has no reverse: %j', (encoder, message) => {
    expect(() => new VAE({ input: [1, 5, 5], encoder, latent: 2, decoder: 'mirror' })).toThrow(message)
  })
})

describe('a convolutional model', () => {
  const block = { type: 'conv', kernel: 3, padding: 'same', norm: 'batch', pool: 2 } as const
  const config: VAEConfig = {
    input: [1, 8, 8],
    encoder: [
      { ...block, channels: 4 },
      { ...block, channels: 8 },
      { type: 'dropout', rate: 0.1 },
    ],
    latent: 3,
    decoder: [
      32,
      { type: 'reshape', shape: [8, 2, 2] },
      { type: 'conv', channels: 4, kernel: 3, padding: 'same', upsample: 2, norm: 'batch' },
    ],
    likelihood: { type: 'bernoulli', head: { type: 'conv', kernel: 3, upsample: 2 } },
  }
  const random = generator(8)
  const x = { data: Float32Array.from({ length: 70 * 64 }, () => Math.round(random())), shape: [70, 64] }
  const fitted = async (options: object = {}) => {
    const vae = new VAE(config)
    await vae.fit(x, { epochs: 3, batchSize: 32, verbose: false, ...options })
    return vae
  }

  test('estimates log p(x) from 5,000 samples, and refines posteriors, the same for any number of threads', async () => {
    const vae = await fitted()
    const few = { data: x.data.slice(0, 3 * 64), shape: [3, 64] }
    const [one, two] = await Promise.all(
      [1, 2].map(async (threads) => [
        await vae.logLikelihood(few, { samples: 5000, seed: 1, threads }),
        await vae.refine(few, { steps: 5, seed: 1, threads }),
      ]),
    )
    expect(two).toEqual(one)
    const { mean } = await vae.logLikelihood(few, { samples: 5000, seed: 1 })
    const { loss } = await vae.evaluate(few, { samples: 200, seed: 1 })
    // The bound is below log p(x), and not by much after so little training.
    expect(mean).toBeGreaterThan(-loss - 0.05)
    expect(mean).toBeLessThan(-loss + 10)
    const { before, after } = await vae.refine(few, { steps: 30, seed: 1, samples: 8 })
    expect(Math.max(...before.map((value, i) => value - (after[i] as number)))).toBeLessThan(1)
  })

  test('gives the same results for a row alone as among others, with the running statistics', async () => {
    const vae = await fitted()
    const all = await vae.encode(x)
    const third = await vae.encode({ data: x.data.slice(2 * 64, 3 * 64), shape: [1, 64] })
    expect([...third.mean.data]).toEqual([...all.mean.data.slice(6, 9)])
  })

  test('goes back to its running statistics too if training diverges', async () => {
    const vae = await fitted()
    const before = bits(vae)
    await expect(
      vae.fit(x, { epochs: 5, optimizer: { type: 'sgd', learningRate: 1e30 }, verbose: false }),
    ).rejects.toThrow()
    const names = Object.keys(before)
    expect(names.some((name) => name.endsWith('running_var'))).toBe(true)
    for (const { data } of Object.values(vae.parameters())) expect(data.every(Number.isFinite)).toBe(true)
  })

  test('keeps the last whole step if it is aborted', async () => {
    const controller = new AbortController()
    let steps = 0
    const callbacks = { onBatchEnd: () => void (++steps === 4 && controller.abort()) }
    const vae = new VAE(config)
    await expect(
      vae.fit(x, { epochs: 1000, batchSize: 32, callbacks, signal: controller.signal, verbose: false }),
    ).rejects.toThrow('aborted')
    for (const { data } of Object.values(vae.parameters())) expect(data.every(Number.isFinite)).toBe(true)
    expect(Number.isFinite((await vae.evaluate(x)).loss)).toBe(true)
  })

  test.skipIf(!backend().bfloat16)('trains in bfloat16 to nearly the same loss', async () => {
    const [exact, rounded] = await Promise.all([fitted(), fitted({ precision: 'bfloat16' })])
    const [wanted, loss] = [(await exact.evaluate(x)).loss, (await rounded.evaluate(x)).loss]
    expect(Math.abs(loss - wanted)).toBeLessThan(0.02 * wanted)
    expect(bits(rounded)).not.toEqual(bits(exact))
  })

  test('fills a training step with less than twice its activations and parameters', () => {
    const { layout } = parseConfig(config)
    const floats = layout.layers.reduce((sum, { output }) => sum + output.reduce((a, b) => a * b, 1), 0)
    const mebibytes = Number(new VAE(config).summary().match(/takes (\d+\.\d) MiB/)?.[1])
    // Values and gradients of 128 rows, in whole vectors of channels.
    expect(mebibytes * 2 ** 20).toBeGreaterThan(2 * 4 * 128 * floats)
  })
})

test('codes with a shape are embedded, and a convolutional head puts out the logits of each position', async () => {
  const config: VAEConfig = {
    input: [1, 6],
    encoder: [
      { type: 'embedding', units: 3 },
      { type: 'conv', channels: 4, kernel: 3, padding: 'same' },
    ],
    latent: 2,
    decoder: [12, { type: 'reshape', shape: [2, 6] }, { type: 'conv', channels: 5, kernel: 3, padding: 'same' }],
    likelihood: { type: 'categorical', classes: 4, coding: 'codes' },
  }
  const random = generator(5)
  const x = {
    data: Float32Array.from({ length: 200 * 6 }, (_, i) => (i % 2 ? Math.floor(4 * random()) : 3)),
    shape: [200, 1, 6],
  }
  const vae = new VAE(config)
  const before = (await vae.evaluate(x)).loss
  await vae.fit(x, { epochs: 60, optimizer: { type: 'adam', learningRate: 0.01 }, verbose: false })
  expect(vae.parameters()['encoder.0.weight']?.shape).toEqual([4, 3])
  // Every second symbol is always the same: of 6 ln 4 nats at least 3 ln 4 can be saved.
  expect((await vae.evaluate(x)).loss).toBeLessThan(before - 2.8 * Math.log(4))
  const { data } = await vae.reconstruct(x)
  for (let row = 0; row < 5; row++) {
    for (const position of [0, 2, 4]) expect(data[(row * 6 + position) * 4 + 3]).toBeGreaterThan(0.9)
  }
})
