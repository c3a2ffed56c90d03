/** What the native side survives: the end of its process or thread in mid-work, and models that nobody holds any more. */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

function runProgram(name: string, flags: string[] = []) {
  const path = fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url))
  return spawnSync(process.execPath, [...flags, path], { encoding: 'utf8', timeout: 60_000 })
}

test('a process that exits during fit exits at once, with its own code', () => {
  const started = Date.now()
  const { status, signal, stderr } = runProgram('exit-during-fit')
  expect({ status, signal, stderr }).toEqual({ status: 7, signal: null, stderr: '' })
  expect(Date.now() - started).toBeLessThan(10_000)
})

test('a worker thread that is terminated during fit takes nothing with it', () => {
  const { status, signal, stdout, stderr } = runProgram('terminate-worker')
  expect({ status, signal, stdout, stderr }).toEqual({
    status: 0,
    signal: null,
    stdout: 'trained 1 epoch in the main thread\n',
    stderr: '',
  })
})

test('models that are forgotten give back their memory and their threads', () => {
  const { status, stdout } = runProgram('collect-garbage', ['--expose-gc'])
  expect(status).toBe(0)
  const { before, after } = JSON.parse(stdout)
  // 40 more models of 5 MB of parameters, moments and activations each.
  expect(after.megabytes - before.megabytes).toBeLessThan(60)
  expect(after.threads).toBeLessThanOrEqual(before.threads + 1)
})

test('copies of data and forgotten models do not pile up until memory is short', () => {
  const { status, stdout } = runProgram('score-in-a-loop')
  expect(status).toBe(0)
  // All copies are 2.3 GB, all models 0.8 GB.
  expect(Number(stdout)).toBeLessThan(900)
})
