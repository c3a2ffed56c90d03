/** node-gyp and CMake compile the same list of files with the same defines and the same flags. */

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Build {
  readonly sources: string[]
  readonly defines: string[]
  readonly flags: string[]
}

/** What scripts/native.mjs prints for a build. */
function answer(what: string, env: NodeJS.ProcessEnv = {}): string[] {
  const output = execFileSync(process.execPath, ['scripts/native.mjs', what], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  return output.split('\n').filter(Boolean)
}

function sourcesOnDisk(): string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      return entry.isDirectory() ? below(path) : entry.name.endsWith('.cc') ? [path] : []
    })
  return ['native/core', 'native/binding', 'native/bench'].flatMap(below).sort()
}

/** The project's own defines: Node's headers and cmake-js add some for themselves. */
function ownDefines(words: readonly string[]): string[] {
  const defines = words.filter((word) => word.startsWith('-D')).map((word) => word.slice(2))
  return [...new Set(defines.filter((define) => /^(AEVB_|NAPI_|NDEBUG)/.test(define)))].sort()
}

/** The flags that can change what the program computes or refuses. */
function ownFlags(words: readonly string[]): string[] {
  const matters = /^(-std=|-O|-ffp-|-ffast|-funsafe|-march|-mtune|-fno-exceptions|-fno-rtti|-fvisibility=|-W)/
  return [...new Set(words.filter((word) => matters.test(word)))].sort()
}

/** The makefiles that `node-gyp configure` wrote. `npm test` has just run them, in the environment that CMake gets here. */
function nodeGypBuild(): Build {
  const [first, ...rest] = ['aevb_core', 'aevb', 'aevb_bench'].map(nodeGypTarget) as [Build, ...Build[]]
  for (const { defines, flags } of rest)
    expect({ defines, flags }).toEqual({ defines: first.defines, flags: first.flags })
  return { ...first, sources: [...new Set([first, ...rest].flatMap(({ sources }) => sources))].sort() }
}

function nodeGypTarget(name: string): Build {
  const makefile = readFileSync(join(root, `build/${name}.target.mk`), 'utf8')
  const list = (name: string): string[] => {
    const lines = makefile.match(new RegExp(`^${name} := \\\\\\n((?:.*\\\\\\n)*.*)`, 'm'))?.[1] ?? ''
    return lines.split(/[\s\\]+/).map((word) => word.replaceAll("'", ''))
  }
  const objects = [...makefile.matchAll(/^\t\$\(obj\)\.target\/\$\(TARGET\)\/(.*)\.o\b/gm)].map(
    (match) => `${match[1]}.cc`,
  )
  const words = [...list('DEFS_Release'), ...list('CFLAGS_Release'), ...list('CFLAGS_CC_Release')]
  return { sources: objects.sort(), defines: ownDefines(words), flags: ownFlags(words) }
}

/** What CMake compiles each file with, as cmake-js configures it. */
function cmakeBuilds(folder: string): Map<string, Build> {
  const cmakeJs = join(createRequire(import.meta.url).resolve('cmake-js/package.json'), '../bin/cmake-js')
  execFileSync(process.execPath, [cmakeJs, 'configure', '--out', folder], { cwd: root, stdio: 'pipe' })
  const commands = JSON.parse(readFileSync(join(root, folder, 'compile_commands.json'), 'utf8')) as {
    file: string
    command: string
  }[]
  return new Map(
    commands.map(({ file, command }) => {
      const path = relative(root, file).replaceAll('\\', '/')
      const words = command.split(/\s+/)
      return [path, { sources: [path], defines: ownDefines(words), flags: ownFlags(words) }]
    }),
  )
}

const missing = (): string | undefined => {
  if (!existsSync(join(root, 'build/aevb_bench.target.mk'))) return 'node-gyp wrote no makefile here'
  if (spawnSync('cmake', ['--version']).status !== 0) return 'no CMake here'
  return undefined
}
// CI must not pass because a tool was missing.
const required = process.env.AEVB_NATIVE_TESTS === '1'

test('the lists hold every .cc of the addons, and what only tests or benchmarks call is not in the shipped one', () => {
  const shipped = [...answer('core'), ...answer('binding')]
  expect([...new Set([...shipped, ...answer('bench')])].sort()).toEqual(sourcesOnDisk())
  expect(sourcesOnDisk()).toContain('native/binding/addon.cc')
  expect(shipped.filter((path) => /reference|bench/.test(path))).toEqual([])
  const exported = Object.keys(createRequire(import.meta.url)(join(root, 'build/Release/aevb.node')) as object)
  expect(exported).not.toEqual(expect.arrayContaining([expect.stringMatching(/peak|product|gradient/)]))
})

test('AEVB_CBLAS=0 leaves CBLAS out, and a word that means nothing is refused', () => {
  expect(answer('defines', { AEVB_CBLAS: '0' }).join()).not.toContain('CBLAS')
  expect(answer('libraries', { AEVB_CBLAS: '0' })).toEqual([])
  expect(() => answer('defines', { AEVB_CBLAS: 'yes' })).toThrow('Expected 0 or 1 for AEVB_CBLAS but received yes')
})

test.skipIf(process.platform === 'win32')('without a BLAS the build goes on, and AEVB_CBLAS=1 makes it fail', () => {
  const nothingCompiles = { CXX: join(root, 'no-such-compiler') }
  expect(answer('defines', { ...nothingCompiles, AEVB_CBLAS: '' }).join()).not.toContain('CBLAS')
  expect(() => answer('defines', { ...nothingCompiles, AEVB_CBLAS: '1' })).toThrow('no CBLAS was found')
})

describe.skipIf(missing() && !required)(`both builds${missing() ? ` (${missing()})` : ''}`, () => {
  let gyp: Build
  let cmake: Map<string, Build>
  beforeAll(() => {
    expect(missing()).toBeUndefined()
    gyp = nodeGypBuild()
    cmake = cmakeBuilds('build-compare')
  })

  test('compile the list', () => {
    expect(gyp.sources).toEqual(sourcesOnDisk())
    expect([...cmake.keys()].sort()).toEqual(sourcesOnDisk())
  })

  test('with the same defines and flags for every file', () => {
    expect(gyp.defines).toEqual(expect.arrayContaining(['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NDEBUG']))
    expect(gyp.flags).toEqual(expect.arrayContaining(['-std=c++20', '-O3', '-ffp-contract=off']))
    expect(cmake.size).toBeGreaterThan(0)
    for (const [file, build] of cmake) {
      expect.soft({ file, defines: build.defines }).toEqual({ file, defines: gyp.defines })
      expect.soft({ file, flags: build.flags }).toEqual({ file, flags: gyp.flags })
    }
  })

  test('and with nothing that breaks IEEE arithmetic or ties the addon to one machine', () => {
    expect(gyp.flags.filter((flag) => /fast|unsafe|march|mtune/.test(flag))).toEqual([])
  })
})
