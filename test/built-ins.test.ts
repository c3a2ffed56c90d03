/** The package and what it depends on leave the language's built-in objects alone, and need neither those nor eval. */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('programs/built-ins.mjs', import.meta.url))

function run(flags: readonly string[], ...args: string[]): { changed: string[]; unused: string[] } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, program, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

test.each([
  ['as they are', []],
  ['frozen', ['--frozen-intrinsics']],
  ['as they are, eval forbidden', ['--disallow-code-generation-from-strings']],
])('every public call works with the built-in objects %s, and changes none', (_, flags) => {
  expect(run(flags)).toEqual({ changed: [], unused: [] })
})

test('a change would be noticed', () => {
  expect(run([], 'change').changed).toEqual(expect.arrayContaining([expect.stringMatching(/\.toJSON$/)]))
})
