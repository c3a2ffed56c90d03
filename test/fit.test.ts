/** Training from the outside: what `fit` does to the loss, the history and the bits of the parameters. */

import { afterEach, describe, expect, test, vi } from 'vitest'
import { type FitOptions, VAE, type VAEConfig } from '../src/index.js'
import { bits, curve, rowsOf, small } from './helpers/data.js'
import { finite } from './helpers/near.js'

const x = curve(300)
const quiet = { verbose: false } as const

async function trained(options: FitOptions = {}, config: VAEConfig = {}, data = x) {
  const vae = new VAE({ ...small, ...config })
  const history = await vae.fit(data, { epochs: 2, batchSize: 32, ...quiet, ...options })
  return { vae, history, bits: bits(vae) }
}

describe('fit', () => {
  test('lowers the loss, which is the sum of its terms', async () => {
    const { vae, history } = await trained({ epochs: 12 }, { objective: { beta: 0.5 } })
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    const [first, last] = [history.epochs[0], history.epochs.at(-1)]
    expect(last?.loss).toBeLessThan((first?.loss as number) - 0.1)
    for (const { loss, reconstruction, kl, seconds } of history.epochs) {
      expect(finite(loss)).toBeCloseTo(reconstruction + 0.5 * kl, 6)
      expect(seconds).toBeGreaterThan(0)
    }
    expect(vae.history).toEqual(history)
  })

  test.each([
    'bernoulli',
    { type: 'gaussian', variance: 0.1 },
    { type: 'gaussian', variance: 'learned' },
    { type: 'gaussian', variance: 'perFeature' },
    { type: 'gaussian', variance: 'perDatum' },
    { type: 'gaussian', covariance: 'full' },
    { type: 'gaussian', covariance: 'lowRank', rank: 2, variance: 'perFeature' },
  ] as const)('learns with the likelihood %j', async (likelihood) => {
    const { history } = await trained({ epochs: 10 }, { likelihood })
    expect(finite(history.epochs.at(-1)?.loss)).toBeLessThan(finite(history.epochs[0]?.loss) - 0.1)
  })

  test.each([
    { type: 'sgd', momentum: 0.9, nesterov: true },
    { type: 'adagrad', learningRate: 0.05 },
    { type: 'rmsprop', momentum: 0.5 },
    { type: 'adam' },
    { type: 'adamw', learningRate: 0.01 },
  ] as const)('learns with the optimizer %j', async (optimizer) => {
    const { history } = await trained({ epochs: 10, optimizer })
    expect(finite(history.epochs.at(-1)?.loss)).toBeLessThan(finite(history.epochs[0]?.loss) - 0.1)
  })

  test.each(['identity', 'relu', 'leakyRelu', 'elu', 'gelu', 'silu', 'tanh', 'sigmoid', 'softplus'] as const)(
    'learns with the activation %s',
    async (activation) => {
      const { history } = await trained({ epochs: 15 }, { activation })
      expect(finite(history.epochs.at(-1)?.loss)).toBeLessThan(finite(history.epochs[0]?.loss) - 0.05)
    },
  )

  test('again continues: the count of epochs goes on, and the history grows', async () => {
    const { vae } = await trained()
    const more = await vae.fit(x, { epochs: 3, ...quiet })
    expect(more.epochs.map(({ epoch }) => epoch)).toEqual([3, 4, 5])
    expect(vae.history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5])
  })

  test.each(['sgd', 'adagrad', 'rmsprop', 'adam', 'adamw'] as const)(
    '2 and 3 epochs are 5 epochs, bit for bit, with %s',
    async (type) => {
      const optimizer = { type, ...(type === 'sgd' && { momentum: 0.9 }) } as FitOptions['optimizer']
      const whole = await trained({ epochs: 5, optimizer })
      const parts = await trained({ epochs: 2, optimizer })
      await parts.vae.fit(x, { epochs: 3, batchSize: 32, optimizer, ...quiet })
      expect(bits(parts.vae)).toEqual(whole.bits)
    },
  )

  test('trains on the last partial batch and weights it by its rows', async () => {
    const seen: { loss: number; examples: number }[] = []
    const callbacks = { onBatchEnd: (_: number, end: { loss: number; examples: number }) => seen.push(end) }
    const { history } = await trained({ epochs: 1, batchSize: 128, callbacks })
    expect(seen.map(({ examples }) => examples)).toEqual([128, 128, 44])
    const mean = seen.reduce((sum, { loss, examples }) => sum + loss * examples, 0) / 300
    expect(history.epochs[0]?.loss).toBeCloseTo(finite(mean), 9)
  })

  test('takes a batch larger than the data as one of all rows', async () => {
    const { history, bits } = await trained({ batchSize: 100_000 })
    expect(history.epochs).toHaveLength(2)
    expect(bits).toEqual((await trained({ batchSize: 300 })).bits)
  })
})

describe('the same seed gives the same bits', () => {
  test.each([1, 2, 3, 7])('with %i threads as with as many as pay', async (threads) => {
    const config = { input: 90, encoder: [70, 50], latent: 5, decoder: [60] }
    const data = curve(500, 90)
    const options = { batchSize: 128, validationSplit: 0.2 }
    const automatic = await trained(options, config, data)
    const fixed = await trained({ ...options, threads }, config, data)
    expect(fixed.bits).toEqual(automatic.bits)
    const losses = ({ epochs }: typeof fixed.history) => epochs.map(({ seconds, ...terms }) => terms)
    expect(losses(fixed.history)).toEqual(losses(automatic.history))
  })

  test('and another seed gives others', async () => {
    expect((await trained({}, { seed: 1 })).bits).not.toEqual((await trained()).bits)
  })

  test('from run to run', async () => {
    expect((await trained()).bits).toEqual((await trained()).bits)
  })

  test('whether progress is watched or not', async () => {
    const callbacks = { onBatchBegin() {}, onBatchEnd() {} }
    expect((await trained({ callbacks })).bits).toEqual((await trained()).bits)
  })
})

describe('validation', () => {
  test('takes the last rows, before any shuffling', async () => {
    const split = await trained({ validationSplit: 0.1 })
    const apart = await trained({ validationData: rowsOf(x, 270, 300) }, {}, rowsOf(x, 0, 270) as typeof x)
    expect(split.bits).toEqual(apart.bits)
    expect(split.history.epochs.map(({ validation }) => validation)).toEqual(
      apart.history.epochs.map(({ validation }) => validation),
    )
  })

  test('has the losses that evaluate gives, and does not change the training', async () => {
    const { vae, history, bits } = await trained({ validationData: rowsOf(x, 0, 50) })
    const { examples, ...losses } = await vae.evaluate(rowsOf(x, 0, 50))
    expect(examples).toBe(50)
    expect(history.epochs.at(-1)?.validation).toEqual(losses)
    expect(bits).toEqual((await trained()).bits)
  })

  test('that would leave no rows on one side is refused', async () => {
    const two = { verbose: false, validationSplit: 0.9 }
    await expect(new VAE(small).fit(rowsOf(x, 0, 2), two)).rejects.toThrow(
      'Expected a part that leaves rows on both sides of 2 for validationSplit but received 0.9 of type number',
    )
    await expect(new VAE(small).fit(rowsOf(x, 0, 2), { ...two, validationSplit: 0.1 })).rejects.toThrow(RangeError)
  })
})

describe('each option of training reaches the core', () => {
  test('shuffle', async () => {
    expect((await trained({ shuffle: false })).bits).not.toEqual((await trained()).bits)
  })

  test('learningRate', async () => {
    const { bits } = await trained({ learningRate: 1e-30 })
    expect(bits).toEqual((await trained({ learningRate: 1e-30, epochs: 1 })).bits)
    expect((await trained({ learningRate: 0.02 })).bits).not.toEqual((await trained()).bits)
  })

  test('schedule: a step down to nothing leaves the parameters where they are', async () => {
    const schedule = { type: 'step', every: 1, factor: 1e-30 } as const
    const once = await trained({ epochs: 1, schedule })
    const twice = await trained({ epochs: 2, schedule })
    expect(twice.bits).toEqual(once.bits)
    expect((await trained({ epochs: 1 })).bits).toEqual(once.bits)
  })

  test.each([{ type: 'exponential', factor: 0.5 }, { type: 'cosine', minimum: 0.1 }, { warmup: 1 }] as const)(
    'schedule %j',
    async (schedule) => {
      expect((await trained({ schedule })).bits).not.toEqual((await trained()).bits)
    },
  )

  test('clipValue and clipNorm: a limit of nearly nothing leaves the parameters where they are', async () => {
    const start = bits(new VAE(small))
    const optimizer = { type: 'sgd', learningRate: 1 } as const
    expect((await trained({ optimizer, clipValue: 1e-30 })).bits).toEqual(start)
    expect((await trained({ optimizer, clipNorm: 1e-30 })).bits).toEqual(start)
    expect((await trained({ optimizer: 'sgd' })).bits).not.toEqual(start)
  })

  test.each([
    { type: 'adam', beta1: 0.5 },
    { type: 'adam', beta2: 0.9 },
    { type: 'adam', epsilon: 0.1 },
    { type: 'adam', weightDecay: 0.1 },
    { type: 'sgd', momentum: 0.5 },
    { type: 'sgd', momentum: 0.5, nesterov: true },
    { type: 'rmsprop', decay: 0.5 },
    { type: 'adagrad', initialAccumulator: 1 },
  ] as const)('optimizer %j', async (optimizer) => {
    expect((await trained({ optimizer })).bits).not.toEqual((await trained({ optimizer: optimizer.type })).bits)
  })
})

describe('progress', () => {
  afterEach(() => vi.restoreAllMocks())

  test('is one plain line an epoch on stderr if that is no terminal', async () => {
    const written: unknown[] = []
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(text) > 0)
    await trained({ verbose: true, validationSplit: 0.1 })
    expect(written).toHaveLength(2)
    const line =
      /^epoch 2\/2 {2}loss -?[\d.]+ \(reconstruction -?[\d.]+, kl [\d.]+\) {2}validation loss -?[\d.]+ {2}[\d.]+ s\n$/
    expect(written[1]).toMatch(line)
    await trained({ verbose: false })
    expect(written).toHaveLength(2)
  })
})
