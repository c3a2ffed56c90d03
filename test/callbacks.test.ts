/** What callbacks are given, what they may do, and what happens when they fail. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { type BatchRecord, type Callbacks, type EpochRecord, type FitOptions, VAE } from '../src/index.js'
import { BatchCalls } from '../src/training/batch-calls.js'
import { bits, curve, small } from './helpers/data.js'
import { finite } from './helpers/near.js'

const x = curve(100)
const train = (vae: VAE, callbacks: FitOptions['callbacks'], options: FitOptions = {}) =>
  vae.fit(x, { epochs: 2, batchSize: 40, verbose: false, ...options, ...(callbacks && { callbacks }) })

test('are called in order, each with its numbers', async () => {
  const calls: unknown[][] = []
  const history = await train(new VAE(small), {
    onTrainBegin: () => calls.push(['trainBegin']),
    onTrainEnd: (done) => calls.push(['trainEnd', done.epochs.length]),
    onEpochBegin: (epoch) => calls.push(['epochBegin', epoch]),
    onEpochEnd: (epoch) => calls.push(['epochEnd', epoch]),
    onBatchBegin: (batch, where) => calls.push(['batchBegin', batch, where.epoch]),
    onBatchEnd: (batch, where) => calls.push(['batchEnd', batch, where.epoch, where.examples]),
  })
  const epoch = (n: number) => [
    ['epochBegin', n],
    ...[40, 40, 20].flatMap((examples, batch) => [
      ['batchBegin', batch, n],
      ['batchEnd', batch, n, examples],
    ]),
    ['epochEnd', n],
  ]
  expect(calls).toEqual([['trainBegin'], ...epoch(1), ...epoch(2), ['trainEnd', 2]])
  expect(history.epochs).toHaveLength(2)
})

test('are given what the history holds', async () => {
  const records: EpochRecord[] = []
  const history = await train(
    new VAE(small),
    { onEpochEnd: (_, record) => records.push(record) },
    { validationSplit: 0.2 },
  )
  expect(records).toEqual(history.epochs)
  expect(records[0]).toEqual({
    epoch: 1,
    loss: expect.any(Number),
    reconstruction: expect.any(Number),
    kl: expect.any(Number),
    seconds: expect.any(Number),
    validation: { loss: expect.any(Number), reconstruction: expect.any(Number), kl: expect.any(Number) },
  })
})

test('of a batch get plain numbers', async () => {
  const records: BatchRecord[] = []
  await train(new VAE(small), { onBatchEnd: (_, record) => records.push(record) }, { epochs: 1 })
  expect(records.length).toBeGreaterThan(0)
  for (const record of records) {
    expect(Object.keys(record).sort()).toEqual(['batch', 'epoch', 'examples', 'kl', 'loss', 'reconstruction'])
    expect(Object.values(record).every((value) => typeof value === 'number')).toBe(true)
    expect(finite(record.loss)).toBeCloseTo(record.reconstruction + record.kl, 9)
  }
})

test('may be many, and may be methods', async () => {
  class Counter {
    count = 0
    onEpochEnd() {
      this.count++
    }
  }
  const counters = [new Counter(), new Counter()]
  await train(new VAE(small), counters)
  expect(counters.map(({ count }) => count)).toEqual([2, 2])
})

test('of an epoch are awaited, one after the other, before training goes on', async () => {
  const calls: string[] = []
  const slow = (name: string): Callbacks => ({
    async onEpochEnd(epoch) {
      calls.push(`${name} ${epoch} begins`)
      await setTimeout(20)
      calls.push(`${name} ${epoch} ends`)
    },
  })
  await train(new VAE(small), [
    slow('a'),
    slow('b'),
    { onBatchBegin: (batch) => batch === 0 && calls.push('training') },
  ])
  const epoch = (n: number) => ['training', `a ${n} begins`, `a ${n} ends`, `b ${n} begins`, `b ${n} ends`]
  expect(calls).toEqual([...epoch(1), ...epoch(2)])
})

test('of an epoch may use the whole model, and leave the training as it would have been', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aevb-'))
  const vae = new VAE(small)
  const losses: number[] = []
  const history = await train(
    vae,
    {
      async onEpochEnd() {
        losses.push((await vae.evaluate(x)).loss)
        await vae.encode(x)
        await vae.sample(3)
        await vae.logLikelihood(x, { samples: 10 })
        await vae.save(folder)
        expect(bits(await VAE.load(folder))).toEqual(bits(vae))
      },
    },
    { validationData: x },
  )
  expect(losses).toEqual(history.epochs.map(({ validation }) => validation?.loss))
  const alone = new VAE(small)
  await train(alone, undefined)
  expect(bits(vae)).toEqual(bits(alone))
  await rm(folder, { recursive: true })
})

describe('that throw', () => {
  const names = ['onTrainBegin', 'onEpochBegin', 'onBatchBegin', 'onBatchEnd', 'onEpochEnd', 'onTrainEnd'] as const

  test.each(names)('in %s reject fit with what was thrown, and the model stays usable', async (name) => {
    const vae = new VAE(small)
    const thrown = new Error('mine')
    const callbacks = {
      [name]: () => {
        throw thrown
      },
    }
    await expect(train(vae, callbacks)).rejects.toBe(thrown)
    // Readers may go on at once.
    expect(Object.keys(vae.parameters())).toHaveLength(10)
    expect((await train(vae, undefined)).epochs).toHaveLength(2)
  })

  test.each(names)('later, from a promise of %s, do the same', async (name) => {
    const vae = new VAE(small)
    const callbacks = {
      [name]: async () => {
        await setTimeout(5)
        throw 'a string'
      },
    }
    await expect(train(vae, callbacks)).rejects.toBe('a string')
    expect((await train(vae, undefined)).epochs).toHaveLength(2)
  })

  test('in the last batch of an epoch leave that epoch in the history, as it has been trained', async () => {
    const vae = new VAE(small)
    const fail = (batch: number) => {
      if (batch === 2) throw new Error('late')
    }
    await expect(train(vae, { onBatchEnd: fail })).rejects.toThrow('late')
    expect(vae.history.epochs).toHaveLength(1)
    const alone = new VAE(small)
    await train(alone, undefined, { epochs: 1 })
    expect(bits(vae)).toEqual(bits(alone))
    const { epochs } = await train(vae, undefined)
    expect(epochs.map(({ epoch }) => epoch)).toEqual([2, 3])
    expect(vae.history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3])
  })

  test('in a batch stop the training there, with no further call', async () => {
    let calls = 0
    const vae = new VAE(small)
    // An epoch of more steps than there may be calls waiting (256), so that it cannot end before the first throws.
    const callbacks = {
      onBatchEnd(batch: number) {
        calls++
        if (batch === 1) throw new Error('enough')
      },
    }
    const end = vae.fit(curve(1000), { batchSize: 1, epochs: 1000, verbose: false, callbacks })
    await expect(end).rejects.toThrow('enough')
    expect(calls).toBe(2)
    expect(vae.history.epochs).toHaveLength(0)
  })
})

test('of a batch cancel the epoch once, at the first failure, and are not called again', async () => {
  const cancel = vi.fn()
  const onBatchBegin = vi.fn((batch: number) => {
    if (batch === 1) throw new Error('first')
  })
  const onBatchEnd = vi.fn(() => Promise.reject(new Error('second')))
  const calls = new BatchCalls([{ onBatchBegin, onBatchEnd }], 1, cancel)
  const end = (batch: number) => calls.end({ batch, loss: 0, reconstruction: 0, kl: 0, examples: 1, parts: [] })
  calls.begin(0)
  expect(cancel).not.toHaveBeenCalled()
  end(0)
  calls.begin(1)
  expect(cancel).toHaveBeenCalledOnce()
  end(1)
  calls.begin(2)
  await expect(calls.settle()).rejects.toThrow('first')
  expect([onBatchBegin.mock.calls.length, onBatchEnd.mock.calls.length]).toEqual([2, 1])
  expect(cancel).toHaveBeenCalledOnce()
})

test('of a batch may not read parameters, which are being written', async () => {
  const vae = new VAE(small)
  const read = train(vae, { onBatchEnd: () => vae.parameters() })
  await expect(read).rejects.toMatchObject({ code: 'BUSY' })
})
