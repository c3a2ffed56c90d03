/** Programs that esbuild bundles into one file, in a folder without a package.json above. `npm test` has built dist/. */

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const addon = process.env.AEVB_ADDON ?? join(root, 'build/Release/aevb.node')

const program = `
import { lossChart, VAE } from 'aevb'

async function run() {
  const vae = new VAE({ input: 2 })
  await vae.fit([[0, 1], [1, 0]], { epochs: 1, verbose: false })
  console.log((await vae.sample(3)).shape.join())
  console.log((await lossChart(vae.history)).slice(0, 4))
  try {
    new VAE({ inptu: 2 })
  } catch (error) {
    console.log(error.message)
  }
}
run()
`
const output = '3,2\n<svg\nUnknown option "inptu" for the config of VAE; did you mean "input"?\n'

describe.each(['esm', 'cjs'] as const)('a bundle of format %s', (format) => {
  let folder: string
  const app = format === 'esm' ? 'app.mjs' : 'app.cjs'

  beforeAll(async () => {
    // No folder above has a package.json, beside which a bundle would look for the addon.
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'aevb-bundle-')))
    for (let above = folder; above !== dirname(above); above = dirname(above)) {
      expect(existsSync(join(above, 'package.json'))).toBe(false)
    }
    await bundle({ stdin: { contents: program, resolveDir: root }, outfile: join(folder, app) })
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  function bundle(options: BuildOptions) {
    return build({ bundle: true, platform: 'node', format, logLevel: 'silent', ...options })
  }

  /** What the bundle prints, in an environment without AEVB_ADDON but for `env`. */
  function run(file: string, env: NodeJS.ProcessEnv = {}) {
    const { AEVB_ADDON, ...others } = process.env
    return spawnSync(process.execPath, [file], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...others, ...env },
      // A program that searches for ever is ended here, and has a signal.
      timeout: 60_000,
    })
  }

  test('runs with the addon that AEVB_ADDON names, and suggests the right option', () => {
    const { signal, stderr, stdout } = run(app, { AEVB_ADDON: addon })
    expect({ signal, stderr, stdout }).toEqual({ signal: null, stderr: '', stdout: output })
  })

  test('names what is missing without an addon, and how to supply one', () => {
    const { signal, status, stderr } = run(app)
    expect({ signal, status }).toEqual({ signal: null, status: 1 })
    expect(stderr).toContain(`The native addon is not built: none of ${join(folder, '../build/Release/aevb.node')}, `)
    expect(stderr).toContain(
      "Copy the package's build/Release/aevb.node beside the bundle, or let AEVB_ADDON hold its path",
    )
    expect(stderr).toContain("code: 'ADDON_MISSING'")
  })

  test('fails with the path if AEVB_ADDON names no file', () => {
    const { status, stderr } = run(app, { AEVB_ADDON: 'no/such.node' })
    expect(status).toBe(1)
    expect(stderr).toContain(`AEVB_ADDON names no file: ${join(folder, 'no/such.node')} does not exist`)
  })

  test.each([
    ['a program', 'program.cjs', 'is not the native addon of aevb'],
    ['no binary', 'text.node', 'cannot be loaded: '],
  ])('fails with the path if AEVB_ADDON names %s', (_, file, why) => {
    writeFileSync(join(folder, 'text.node'), 'text')
    writeFileSync(join(folder, 'program.cjs'), '')
    const { status, stderr } = run(app, { AEVB_ADDON: file })
    expect(status).toBe(1)
    expect(stderr).toContain(`${join(folder, file)} ${why}`)
    expect(stderr).toContain("code: 'ADDON_INVALID'")
  })

  test('runs with the addon beside it', () => {
    const beside = join(folder, 'aevb.node')
    copyFileSync(addon, beside)
    try {
      expect(run(app).stdout).toBe(output)
    } finally {
      rmSync(beside)
    }
  })

  test.skipIf(!existsSync(join(root, 'build/Release/aevb.node')))(
    'runs with the addon that the bundler has copied',
    async () => {
      await bundle({
        stdin: undefined,
        absWorkingDir: root,
        entryPoints: [
          { in: join(folder, app), out: 'whole' },
          { in: 'aevb/aevb.node', out: 'aevb' },
        ],
        loader: { '.node': 'copy' },
        outExtension: { '.js': format === 'esm' ? '.mjs' : '.cjs' },
        outdir: join(folder, 'whole'),
      })
      const { stderr, stdout } = run(join(folder, 'whole', app.replace('app', 'whole')))
      expect({ stderr, stdout }).toEqual({ stderr: '', stdout: output })
    },
  )
})
