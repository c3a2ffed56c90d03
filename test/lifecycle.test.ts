/** The native side survives the end of its process or thread during work, and models that are no longer referenced. */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const deep = process.env.AEVB_DEEP === '1'
/** The Node of this test, and those that AEVB_NODES names, with ':' between them. */
const nodes = [process.execPath, ...(process.env.AEVB_NODES?.split(':').filter(Boolean) ?? [])]

const pathOf = (name: string) => fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url))

function runProgram(name: string, flags: string[] = [], { node = process.execPath, args = [] as string[] } = {}) {
  // glibc keeps freed memory in an arena for each thread, which would add noise to the measured memory.
  const env = { ...process.env, MALLOC_ARENA_MAX: '1' }
  return spawnSync(node, [...flags, pathOf(name), ...args], { env, encoding: 'utf8', timeout: deep ? 600_000 : 60_000 })
}

test('a process that exits during fit exits at once, with its own code', () => {
  const started = Date.now()
  const { status, signal, stderr } = runProgram('exit-during-fit')
  expect({ status, signal, stderr }).toEqual({ status: 7, signal: null, stderr: '' })
  expect(Date.now() - started).toBeLessThan(10_000)
})

test('a worker thread that is terminated during fit does no harm to the process', () => {
  const { status, signal, stdout, stderr } = runProgram('terminate-worker')
  expect({ status, signal, stdout, stderr }).toEqual({
    status: 0,
    signal: null,
    stdout: 'trained 1 epoch in the main thread\n',
    stderr: '',
  })
})

test.each(nodes)(
  'worker threads that end at any moment, in any way, do no harm to the process and leave no memory behind (%s)',
  { timeout: 600_000 },
  (node) => {
    const count = deep ? 500 : 36
    const { status, signal, stdout, stderr } = runProgram('end-workers', [], { node, args: [String(count)] })
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
    const { ended, megabytes } = JSON.parse(stdout)
    expect(ended.terminate + ended.exit + ended.error).toBe(count)
    // Each worker owned 20 MB and more, so a few that do not free theirs would show among hundreds.
    expect(megabytes).toBeLessThan(deep ? 250 : 150)
  },
)

test.each(nodes)('a process that exits while it trains and calls back exits with its own code (%s)', (node) => {
  const seen = Array.from({ length: deep ? 40 : 4 }, () => runProgram('exit-during-calls', [], { node }).status)
  expect(new Set(seen)).toEqual(new Set([3]))
})

test.runIf(process.platform === 'linux')('models that are trained one after the other share their threads', () => {
  const { status, stdout } = runProgram('train-models-in-turn')
  expect(status).toBe(0)
  // Node itself has about a dozen threads.
  expect(Number(stdout)).toBeLessThan(40)
})

test('objects that are dropped in a loop that waits for nothing give back their memory, and dispose at once', () => {
  const { status, stdout } = runProgram('hold-nothing')
  expect(status).toBe(0)
  const { encoded, datasets, models, shared, freed } = JSON.parse(stdout)
  // A native object for each call would take hundreds of megabytes, and the collector's calls a second.
  expect(encoded.megabytes).toBeLessThan(100)
  expect(encoded.turn).toBeLessThan(500)
  // All data sets take 1 GB, all models 1.5 GB.
  expect(datasets.megabytes).toBeLessThan(400)
  expect(models.megabytes).toBeLessThan(600)
  // Rows of 256 MB; a slice keeps them.
  expect(shared).toBeLessThan(100)
  expect(freed).toBeGreaterThan(200)
})

test('models that are forgotten give back their memory and their threads', () => {
  const { status, stdout } = runProgram('collect-garbage', ['--expose-gc'])
  expect(status).toBe(0)
  const { before, after } = JSON.parse(stdout)
  // 40 more models were made, each with 5 MB of parameters, moments and activations.
  expect(after.megabytes - before.megabytes).toBeLessThan(60)
  // Four threads may be idle, each with a helper, whatever the number of models.
  expect(after.threads).toBeLessThanOrEqual(before.threads + 8)
})

test('copies of data and forgotten models do not pile up until memory is short', () => {
  const { status, stdout } = runProgram('score-in-a-loop')
  expect(status).toBe(0)
  // All copies take 2.3 GB, all models 0.8 GB.
  expect(Number(stdout)).toBeLessThan(900)
})
