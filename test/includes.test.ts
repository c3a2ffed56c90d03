/** Which folder of the core may include which: the list in docs/architecture.md, compared with the sources. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** folder → folders, from lines such as `layers → math tensor spec`. */
function documented(): Map<string, Set<string>> {
  const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const block = text.match(/<!-- includes -->\n+```\n([\s\S]*?)```/)?.[1] ?? ''
  return new Map(
    block
      .trim()
      .split('\n')
      .map((line) => {
        const [from = '', to = ''] = line.split('→').map((part) => part.trim())
        return [from, new Set(to.split(/\s+/).filter(Boolean))]
      }),
  )
}

function included(): Map<string, Set<string>> {
  const core = join(root, 'native/core')
  const result = new Map<string, Set<string>>()
  for (const file of readdirSync(core, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(h|cc|def)$/.test(file)) continue
    const from = file.split(/[\\/]/)[0] as string
    const folders = result.get(from) ?? new Set()
    for (const [, path] of readFileSync(join(core, file), 'utf8').matchAll(/^#include "([^"]+)"/gm)) {
      const to = (path as string).split('/')[0] as string
      if (to !== from) folders.add(to)
    }
    result.set(from, folders)
  }
  return result
}

test('folders of the core include those that docs/architecture.md lists, and no others', () => {
  const sorted = (map: Map<string, Set<string>>) =>
    Object.fromEntries([...map].map(([from, to]) => [from, [...to].sort()]).sort())
  expect(sorted(included())).toEqual(sorted(documented()))
})

test('no folder of the core includes one that includes it, and no file is outside the folders', () => {
  const folders = included()
  const reached = (from: string, seen = new Set<string>()): Set<string> => {
    for (const to of folders.get(from) ?? []) if (!seen.has(to)) reached(to, seen.add(to))
    return seen
  }
  expect(reached('train')).toContain('tensor')
  expect([...folders.keys()].filter((folder) => reached(folder).has(folder))).toEqual([])
  const loose = readdirSync(join(root, 'native/core'), { withFileTypes: true }).filter((entry) => entry.isFile())
  expect(loose.map(({ name }) => name)).toEqual([])
})

test('the core includes no header of Node and nothing above it', () => {
  expect([...included().values()].flatMap((to) => [...to]).filter((to) => !included().has(to))).toEqual([])
})
