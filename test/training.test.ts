/** The loop of `fit`, with a core that ends its epochs when the test calls `end`. No parameters are involved. */

import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { EpochRecord } from '../src/history.js'
import type { EpochResult, NativeDataset, NativeModel } from '../src/native.js'
import { type FitOptions, fitPlan } from '../src/options/fit-options.js'
import { Gate } from '../src/training/gate.js'
import { train } from '../src/training/training.js'

const result: EpochResult = { loss: 3, reconstruction: 2, kl: 1, parts: [], examples: 10, seconds: 0.5 }
const record = (epoch: number) => ({ epoch, loss: 3, reconstruction: 2, kl: 1, seconds: 0.5 })

/** A model whose epochs wait for `end`, and ignore `cancel`. */
function makeCore() {
  const ends: (() => void)[] = []
  const core = {
    epochsTrained: 0,
    beginFit: vi.fn(),
    trainEpoch: vi.fn(() => ({
      promise: new Promise<EpochResult>((resolve) => {
        ends.push(() => {
          core.epochsTrained++
          resolve(result)
        })
      }),
      cancel() {},
    })),
    end: () => ends.shift()?.(),
  }
  return core
}

function begin(core: ReturnType<typeof makeCore>, gate: Gate, options: FitOptions) {
  const records: EpochRecord[] = []
  const rows = { data: { rows: 10, columns: 2 } as NativeDataset, condition: undefined }
  const done = train({
    model: core as unknown as NativeModel,
    gate,
    plan: fitPlan({ verbose: false, ...options }),
    rows,
    validation: undefined,
    samples: 1,
    onRecord: (made) => records.push(made),
  })
  return { records, done }
}

describe('an epoch that ends although its fit has rejected', () => {
  test('is recorded when it ends, before anything that waits for it goes on', async () => {
    const [core, gate] = [makeCore(), new Gate()]
    const controller = new AbortController()
    const { records, done } = begin(core, gate, { signal: controller.signal })
    await vi.waitFor(() => expect(core.trainEpoch).toHaveBeenCalledOnce())
    controller.abort()
    await expect(done).rejects.toMatchObject({ code: 'ABORT_ERR' })
    expect(records).toEqual([])
    core.end()
    await gate.leftover
    expect(records).toEqual([record(1)])
  })

  test('is counted by the fit that follows', async () => {
    const written: unknown[] = []
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(text) > 0)
    const [core, gate] = [makeCore(), new Gate()]
    const controller = new AbortController()
    const aborted = begin(core, gate, { signal: controller.signal })
    await vi.waitFor(() => expect(core.trainEpoch).toHaveBeenCalledOnce())
    controller.abort()
    await expect(aborted.done).rejects.toMatchObject({ code: 'ABORT_ERR' })

    const next = begin(core, gate, { epochs: 1, verbose: true })
    await setTimeout(5)
    expect(core.beginFit).toHaveBeenCalledOnce()
    core.end()
    await vi.waitFor(() => expect(core.trainEpoch).toHaveBeenCalledTimes(2))
    core.end()
    await next.done
    expect(next.records).toEqual([record(2)])
    expect(written).toEqual([expect.stringMatching(/^epoch 2\/2 /)])
  })
  afterEach(() => vi.restoreAllMocks())
})

test('work that begins as fit is about to is waited for', async () => {
  const [core, gate] = [makeCore(), new Gate()]
  const ends: (() => void)[] = []
  const track = () => gate.track({ promise: new Promise<void>((resolve) => ends.push(resolve)), cancel() {} })
  const first = track().promise
  // Begins another piece of work in each of the moments after the first has ended.
  first.then(async () => {
    for (let i = 0; i < 4; i++) {
      await undefined
      track()
    }
  })
  core.beginFit.mockImplementation(() => expect(gate.busy).toBe(false))
  const { done } = begin(core, gate, { epochs: 1 })
  await setTimeout(5)
  while (ends.length > 0) {
    ends.shift()?.()
    await setTimeout(1)
  }
  await vi.waitFor(() => expect(core.trainEpoch).toHaveBeenCalledOnce())
  core.end()
  expect((await done).epochs).toEqual([record(1)])
})
