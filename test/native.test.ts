/** Builds and runs the C++ tests of the core (test/native) if CMake and GoogleTest are present. */

import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'build-tests')
const jobs = String(availableParallelism())

function run(command: string, args: string[], cwd = root): { ok: boolean; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}${error ?? ''}` }
}

/** The tests are left out if a tool is missing; a configuration that fails for another reason is a failure. */
function configure(): { missing?: string; ok: boolean; output: string } {
  const cmake = run('cmake', ['--version'])
  if (!cmake.ok) return { ...cmake, missing: 'CMake is not here' }
  const result = run('cmake', ['-S', root, '-B', folder, '-DCMAKE_BUILD_TYPE=Release', '-DAEVB_TESTS=ON'])
  const missing = result.output.includes('GoogleTest was not found') ? { missing: 'GoogleTest is not here' } : {}
  return { ...result, ...missing }
}

const configuration = configure()
const { missing } = configuration
// CI must not pass because a tool was missing.
const required = process.env.AEVB_NATIVE_TESTS === '1'

describe.skipIf(missing && !required)(`C++ tests${missing ? ` (left out: ${missing})` : ''}`, () => {
  test('can be built', { timeout: 1_200_000 }, () => {
    expect(missing).toBeUndefined()
    expect(configuration.ok, configuration.output).toBe(true)
    const { ok, output } = run('cmake', ['--build', folder, '--parallel', jobs])
    expect(ok, output).toBe(true)
  })

  test('pass', { timeout: 1_200_000 }, () => {
    const { ok, output } = run('ctest', ['--parallel', jobs, '--output-on-failure', '--no-tests=error'], folder)
    expect(ok, output).toBe(true)
    console.log(output.match(/\d+% tests passed.*/)?.[0])
  })
})
