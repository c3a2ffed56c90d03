/** Waiting for the core, tested with jobs that stop late, fail or ignore `cancel`. No addon is loaded. */

import { getEventListeners } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { AbortError } from '../src/errors.js'
import { orAborted, run } from '../src/jobs.js'
import { Gate } from '../src/training/gate.js'

/** A job that ends when the test settles it. */
function makeJob() {
  let resolve = (_value: string) => {}
  let reject = (_error: unknown) => {}
  const promise = new Promise<string>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, cancel: vi.fn(), resolve, reject }
}
const cancelled = () => Object.assign(new Error('cancelled'), { code: 'ABORTED' })

describe('run', () => {
  test('gives what the job gives', async () => {
    const job = makeJob()
    job.resolve('done')
    expect(await run(() => job, undefined)).toBe('done')
    expect(await run(() => job, new AbortController().signal)).toBe('done')
    expect(job.cancel).not.toHaveBeenCalled()
  })

  test('does not begin if the signal is aborted already', async () => {
    const start = vi.fn(makeJob)
    await expect(run(start, AbortSignal.abort('why'))).rejects.toMatchObject({ name: 'AbortError', cause: 'why' })
    expect(start).not.toHaveBeenCalled()
  })

  test('cancels a job at once, and rejects when it has stopped', async () => {
    const controller = new AbortController()
    const job = makeJob()
    const work = run(() => job, controller.signal)
    controller.abort('why')
    expect(job.cancel).toHaveBeenCalledOnce()
    job.reject(cancelled())
    const start = performance.now()
    await expect(work).rejects.toMatchObject({ name: 'AbortError', cause: 'why' })
    expect(performance.now() - start).toBeLessThan(30)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  test('rejects within 100 ms though the job does not stop, and lets it fail unheard', async () => {
    const controller = new AbortController()
    const job = makeJob()
    const work = run(() => job, controller.signal)
    const start = performance.now()
    controller.abort()
    await expect(work).rejects.toBeInstanceOf(AbortError)
    expect(performance.now() - start).toBeLessThan(100)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    // An unhandled rejection would fail this file.
    job.reject(cancelled())
    await setTimeout(5)
  })

  test('keeps what a job gives that was done before it could be cancelled', async () => {
    const controller = new AbortController()
    const job = makeJob()
    const work = run(() => job, controller.signal)
    controller.abort()
    job.resolve('done')
    expect(await work).toBe('done')
  })

  test('converts the core’s errors to those of the facade, before or within a job', async () => {
    const job = makeJob()
    job.reject(Object.assign(new Error('nan'), { code: 'DIVERGED', epoch: 1, step: 2 }))
    await expect(run(() => job, undefined)).rejects.toMatchObject({ name: 'VAEError', code: 'DIVERGED', step: 2 })
    const start = () => {
      throw new Error('odd')
    }
    await expect(run(start, undefined)).rejects.toMatchObject({ name: 'VAEError', code: 'NATIVE', message: 'odd' })
  })
})

test('orAborted rejects at once if it is aborted while it begins', async () => {
  await expect(orAborted(new Promise(() => {}), AbortSignal.abort('why'))).rejects.toMatchObject({ cause: 'why' })
})

describe('a gate', () => {
  test('lets one fit begin, and the next when it has ended, by success or failure', async () => {
    const gate = new Gate()
    const job = makeJob()
    const first = gate.fit(() => job.promise)
    await expect(gate.fit(async () => 'second')).rejects.toMatchObject({ code: 'BUSY' })
    job.reject(new Error('failed'))
    await expect(first).rejects.toThrow('failed')
    expect(await gate.fit(async () => 'third')).toBe('third')
  })

  test('is closed to readers from an epoch’s beginning to its end', async () => {
    const gate = new Gate()
    const epoch = gate.trackEpoch(makeJob())
    expect(() => gate.checkReadable('save')).toThrow(expect.objectContaining({ code: 'BUSY' }))
    epoch.reject(cancelled())
    await expect(epoch.promise).rejects.toThrow()
    expect(() => gate.checkReadable('save')).not.toThrow()
  })

  test('keeps the promise of what an aborted fit has left running', async () => {
    const gate = new Gate()
    const epoch = makeJob()
    await gate.fit(async () => {
      gate.trackEpoch(epoch)
      expect(gate.leftover).toBeUndefined()
    })
    const left = gate.leftover
    expect(left).toBeInstanceOf(Promise)
    epoch.resolve('over')
    await left
    expect(gate.leftover).toBeUndefined()
  })

  test('is quiet when all work has ended, that begun meanwhile too', async () => {
    const gate = new Gate()
    await gate.quiet()
    const [first, second] = [gate.track(makeJob()), makeJob()]
    let quiet = false
    const waiting = gate.quiet().then(() => {
      quiet = true
    })
    gate.track(second)
    first.resolve('')
    await setTimeout(1)
    expect(quiet).toBe(false)
    second.reject(new Error('failed'))
    await waiting
    expect(quiet).toBe(true)
  })

  test('lets a fit begin after the work that came before it, and lets those who come meanwhile wait for that', async () => {
    const gate = new Gate()
    const before = gate.track(makeJob())
    const order: string[] = []
    const begun = gate.begin(() => order.push('begun'), undefined)
    const reader = gate.turn(undefined).then(() => order.push('reader'))
    await setTimeout(1)
    expect(order).toEqual([])
    before.resolve('')
    await Promise.all([begun, reader])
    expect(order).toEqual(['begun', 'reader'])
    await gate.turn(undefined)
  })

  test('lets those go on who wait for a fit that gives up before it begins', async () => {
    const gate = new Gate()
    const controller = new AbortController()
    gate.track(makeJob())
    const begun = gate.begin(() => 'begun', controller.signal)
    const reader = gate.turn(undefined)
    const impatient = new AbortController()
    const gone = gate.turn(impatient.signal)
    impatient.abort()
    await expect(gone).rejects.toBeInstanceOf(AbortError)
    controller.abort()
    await expect(begun).rejects.toBeInstanceOf(AbortError)
    await reader
  })
})
