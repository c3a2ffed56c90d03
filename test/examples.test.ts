/** Every example, in its quick form. `npm test` has built the package that they import. */

import { spawn, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PNG } from 'pngjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const examples = fileURLToPath(new URL('../examples', import.meta.url))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aevb-'))
})
afterAll(() => rm(folder, { recursive: true }))

function run(name: string, out: string) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [join(examples, name), '--quick', '--out', out])
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => {
      stdout += data
    })
    child.stderr.on('data', (data) => {
      stderr += data
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** The beginnings of the table rows that each example prints, and its pictures. */
const expected: Record<string, { rows: readonly string[]; head?: string; pictures: readonly string[] }> = {
  'bound.mjs': { rows: ['full covariance', 'diagonal covariance'], pictures: ['bound.svg'] },
  'conditional.mjs': {
    rows: ['without a condition', 'told the digit', 'told a wrong digit'],
    pictures: ['conditional.png'],
  },
  'convolution.mjs': {
    rows: ['digits', 'volumes', 'waves', 'strings'].flatMap((data) => [`${data}, dense`, `${data}, convolutions`]),
    pictures: ['convolution.png'],
  },
  'denoising.mjs': { rows: ['without corruption', 'with corruption'], pictures: ['denoising.png'] },
  'discrete.mjs': {
    rows: ['gaussian, 20', 'categorical, 20 of 10', 'bernoulli, 64'],
    head: 'latent  −ELBO of 200 images  reconstruction  kl  −ELBO of 10 images  refined  −log p(x)',
    pictures: ['discrete.png'],
  },
  'estimator-variance.mjs': {
    rows: ['reparameterised, analytic KL', 'score function, no baseline'],
    pictures: ['estimator-variance.svg'],
  },
  'iwae.mjs': { rows: ['elbo, k = 1', 'iwae, k = 50', 'dreg, k = 50'], pictures: [] },
  'proposals.mjs': { rows: ['posterior', 'defensive', 'refined', 'refined, adaptive'], pictures: [] },
  'terms.mjs': { rows: ['reconstruction only', 'KL only', 'both'], pictures: ['terms-samples.png', 'terms.svg'] },
}

test('each example has its expectations', async () => {
  const files = (await readdir(examples)).filter((name) => name.endsWith('.mjs'))
  expect(files.sort()).toEqual(Object.keys(expected))
})

test.each(Object.entries(expected))(
  '%s prints its numbers and writes its pictures',
  async (name, { rows, head, pictures }) => {
    const out = join(folder, name)
    const { code, stdout, stderr } = await run(name, out)
    expect(stderr).not.toMatch(/Error/)
    expect(code).toBe(0)
    const lines = stdout.split('\n')
    if (head) expect(stdout.replaceAll(/ {2,}/g, '  ')).toContain(head)
    for (const row of rows) {
      const found = lines.filter((line) => line.startsWith(`${row}  `))
      expect(found, row).not.toEqual([])
      // Each has a number with a fraction, and none that is not a number.
      for (const line of found) expect(line).toMatch(/\d\.\d|\de\+/)
    }
    expect(stdout).not.toMatch(/NaN|Infinity|undefined/)
    const written = pictures.length === 0 ? [] : (await readdir(out)).sort()
    expect(written).toEqual(pictures)
    for (const picture of written) {
      const content = await readFile(join(out, picture))
      if (picture.endsWith('.svg')) {
        expect(content.toString()).toMatch(/^<svg[\s\S]*<path/)
      } else {
        // Not all grey: some pixels are ink, some background.
        const { data } = PNG.sync.read(content)
        expect(data.filter((_, i) => i % 4 === 0 && (data[i] as number) > 128).length).toBeGreaterThan(100)
        expect(data.filter((_, i) => i % 4 === 0 && (data[i] as number) < 32).length).toBeGreaterThan(100)
      }
    }
  },
)

describe('flags of an example', () => {
  const start = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(examples, 'terms.mjs'), ...args], {
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }
  const usage = expect.stringContaining('usage: node ')

  test('--help describes the example', () => {
    const { status, stdout, stderr } = start('--help')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /^usage: node .*terms\.mjs \[--quick\] \[--out <folder>\]\n\nWhat each term of the loss does alone\./,
    )
  })

  test.each([
    [['--quik'], "Unknown option '--quik'"],
    [['other'], "Unexpected argument 'other'"],
    [['--out'], "Option '--out <value>' argument missing"],
    [['--out', ''], 'Expected the path of a folder for --out'],
    [['--quick', '--quick'], "Option '--quick' is given more than once"],
  ])('%j are refused in a line, with the usage', (args, message) => {
    expect(start(...args)).toEqual({ status: 1, stdout: '', stderr: usage })
    expect(start(...args).stderr.split('\n')).toEqual([message, usage, ''])
  })

  test('-h is --help', () => {
    expect(start('-h')).toEqual(start('--help'))
  })

  test.each([
    ['a file in the place of its folder', (out: string) => writeFile(out, ''), /^.*out cannot be written: .*\n$/],
    [
      'a folder in the place of a picture',
      (out: string) => mkdir(join(out, 'terms.svg'), { recursive: true }),
      /^.*terms\.svg cannot be written: .*\n$/,
    ],
  ])('%s is refused before anything is done', async (_, occupy, message) => {
    const out = join(await mkdtemp(join(folder, 'occupied-')), 'out')
    await occupy(out)
    expect(start('--quick', '--out', out)).toEqual({ status: 1, stdout: '', stderr: expect.stringMatching(message) })
  })

  test('a folder that cannot be written is refused before anything is done', () => {
    const { status, stderr } = start('--out', '/proc/out')
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^\/proc\/out cannot be written: .*\n$/)])
  })
})
