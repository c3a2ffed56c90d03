/** What npm would publish, and the errors of a clone or an installed package whose scripts have not run. */

import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json'))

let files: string[]

beforeAll(() => {
  // The scripts would build again what `npm test` has built.
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const answer = execFileSync('npm', args, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' })
  const packed = JSON.parse(answer)
  // npm gives an array, or since npm 12 an object by the packages' names.
  files = (Object.values(packed)[0] as { files: { path: string }[] }).files.map(({ path }) => path)
})

describe('the package', () => {
  /** The anchors of the headings, as GitHub makes them. */
  const anchors = (file: string) =>
    [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      (heading as string)
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )

  test('contains whatever its pages link to', () => {
    const pages = files.filter((file) => file.endsWith('.md'))
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/guide.md', 'examples/README.md']))
    const broken = pages.flatMap((page) => {
      const links = [...read(page).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)].map(([, link]) => link as string)
      return links
        .filter((link) => {
          const [path, anchor] = link.split('#') as [string, string | undefined]
          const file = path === '' ? page : posix.join(posix.dirname(page), path)
          if (!files.includes(file)) return !files.some((other) => other.startsWith(`${file}/`))
          return anchor !== undefined && !anchors(file).includes(anchor)
        })
        .map((link) => `${page}: ${link}`)
    })
    expect(broken).toEqual([])
  })

  test('contains what it exports, except the addon, which is compiled on installation', () => {
    const { exports, bin } = JSON.parse(read('package.json'))
    const named = [...Object.values(exports['.']), exports['./package.json'], bin.aevb].map((path) =>
      posix.normalize(path as string),
    )
    expect(files).toEqual(expect.arrayContaining(named))
    expect(files.filter((file) => file.endsWith('.node'))).toEqual([])
  })

  test('exports the same by each of its entries', async () => {
    const load = (path: string) => import(pathToFileURL(join(root, path)).href)
    const [whole, entry] = [await load('dist/index.js'), await load('entry/index.js')]
    expect(Object.keys(entry).sort()).toEqual(Object.keys(whole).sort())
    for (const name of Object.keys(whole)) expect(entry[name]).toBe(whole[name])
  })

  test.skipIf(!(process.features as { require_module?: boolean }).require_module)(
    'can be required, and is then what it is when imported',
    () => {
      const program = "const a = require('aevb'); import('aevb').then((b) => console.log(a.VAE === b.VAE))"
      expect(execFileSync(process.execPath, ['-e', program], { cwd: root, encoding: 'utf8' })).toBe('true\n')
    },
  )
})

test('the lock file has each dependency as package.json requires it, and no address', () => {
  const { packages } = JSON.parse(read('package-lock.json'))
  expect(packages['']).toMatchObject({ dependencies, devDependencies, optionalDependencies })
  expect(read('package-lock.json')).not.toContain('"resolved"')
  // The packages of every platform, not only of the one that wrote it.
  const lacking = Object.entries<{ optionalDependencies?: Record<string, string> }>(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`])
      .map((name) => `${path}: ${name}`),
  )
  expect(lacking).toEqual([])
})

describe('without its scripts having run', () => {
  let folder: string
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'aevb-package-')))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** Copies these parts of the package to a folder, with links to its dependencies. */
  function copy(place: string, parts: readonly string[]): string {
    const to = join(folder, place)
    mkdirSync(to, { recursive: true })
    for (const part of parts) cpSync(join(root, part), join(to, part), { recursive: true })
    const modules = place.includes('node_modules') ? dirname(to) : join(to, 'node_modules')
    mkdirSync(modules, { recursive: true })
    for (const name of Object.keys(dependencies)) {
      mkdirSync(dirname(join(modules, name)), { recursive: true })
      symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction')
    }
    return to
  }

  function failure(cwd: string, args: readonly string[]): string {
    const { AEVB_ADDON, ...env } = process.env
    const { status, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8', env })
    expect(status).toBe(1)
    return stderr
  }

  test.each([
    ['imported', ['--input-type=module', '--eval', "import 'aevb'"]],
    ['required', ['--eval', "require('aevb')"]],
    ['started', ['entry/cli.js', 'train']],
  ])('the error of a clone that is %s names what to run', (how, args) => {
    const clone = copy(`clone-${how}`, ['package.json', 'entry'])
    const stderr = failure(clone, args)
    expect(stderr).toContain(`aevb is not built: ${join(clone, 'dist')}`)
    expect(stderr).toContain(`Run \`npm run build\` in ${clone}, with a C++20 compiler and Python 3 at hand`)
  })

  test('and so does that of a clone with only its TypeScript compiled', () => {
    const stderr = failure(copy('half', ['package.json', 'entry', 'dist', 'binding.gyp']), [
      '--input-type=module',
      '--eval',
      "import 'aevb'",
    ])
    expect(stderr).toContain('The native addon is not built: none of ')
    expect(stderr).toContain('Run `npm run build` there, with a C++20 compiler and Python 3 at hand')
  })

  test('an installed package names what to run with each package manager', () => {
    copy('app/node_modules/aevb', ['package.json', 'entry', 'dist', 'binding.gyp'])
    const stderr = failure(join(folder, 'app'), ['--input-type=module', '--eval', "import 'aevb'"])
    expect(stderr).toContain('The native addon is not built: none of ')
    for (const command of ['npm rebuild aevb', 'pnpm approve-builds', 'bun pm trust aevb', 'yarn rebuild aevb']) {
      expect(stderr).toContain(`\`${command}\``)
    }
  })
})
