/** What `import 'aevb'` loads: few files. Large dependencies are imported by the functions that use them. */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const src = fileURLToPath(new URL('../src', import.meta.url))

/** Files and packages that importing `file` loads at once; types are not loaded. */
function loadedBy(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  const code = readFileSync(file, 'utf8')
  for (const [, clause, from] of code.matchAll(/^(?:import|export) ([^'"]*?from )?'([^']+)'/gm)) {
    const names = clause
      ?.match(/\{([^}]*)\}/)?.[1]
      ?.split(',')
      .map((name) => name.trim())
    const onlyTypes = clause?.startsWith('type ') || names?.filter(Boolean).every((name) => name.startsWith('type '))
    if (onlyTypes || from === undefined) continue
    if (from.startsWith('.')) loadedBy(join(dirname(file), from.replace(/\.js$/, '.ts')), seen)
    else if (!from.startsWith('node:')) seen.add(from)
  }
  return seen
}

const packages = (file: string) => [...loadedBy(join(src, file))].filter((name) => !name.startsWith(src)).sort()

test('the package loads two small dependencies', () => {
  expect(packages('index.ts')).toEqual(['fastest-levenshtein', 'valibot'])
})

test('checking types and ranges, or saving, does not load the addon', () => {
  const pure = ['options/config-schema.ts', 'options/fit-options.ts', 'checkpoint/files.ts']
  for (const file of pure) {
    expect([...loadedBy(join(src, file))]).not.toContain(join(src, 'native.ts'))
  }
  // The search finds it in a file that does load it.
  expect([...loadedBy(join(src, 'options/config.ts'))]).toContain(join(src, 'native.ts'))
})

test('no folder imports one that imports it', () => {
  const imports = new Map<string, Set<string>>()
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const from = dirname(file)
    const code = readFileSync(join(src, file), 'utf8')
    // Imports of types count too, because a reader has to follow them.
    for (const [, path] of code.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)) {
      const to = dirname(join(from, path as string))
      // The files above all folders are shared by them, or use them.
      if (from !== '.' && to !== '.' && to !== from) imports.set(from, (imports.get(from) ?? new Set()).add(to))
    }
  }
  const reached = (from: string, seen = new Set<string>()): Set<string> => {
    for (const to of imports.get(from) ?? []) if (!seen.has(to)) reached(to, seen.add(to))
    return seen
  }
  expect(imports.get('training')).toContain('options')
  // `options/config` is a part of `options`, whose files combine the parts.
  imports.get('options/config')?.delete('options')
  expect([...imports.keys()].filter((folder) => reached(folder).has(folder))).toEqual([])
})

test('the program loads more', () => {
  expect(packages('cli/train.ts')).toContain('cli-table3')
})
