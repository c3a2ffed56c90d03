/** The program `aevb`, as a shell sees it. `npm test` has built it. */

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PNG } from 'pngjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { train } from '../src/cli/train.js'
import { checkReplaceable } from '../src/cli/writable.js'
import { AbortError, backend, VAE } from '../src/index.js'
import { duration } from '../src/training/progress.js'

const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

function run(
  args: readonly string[],
  onStderr: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => {},
  env: NodeJS.ProcessEnv = {},
) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { cwd: folder, env: { ...process.env, ...env } })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => {
      stdout += data
    })
    child.stderr.on('data', (data) => {
      stderr += data
      onStderr(stderr, (signal) => child.kill(signal))
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aevb-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('train trains the reference model, prints the losses, and writes pictures and the model', async () => {
  const { code, stdout, stderr } = await run(['train', '--epochs', '2'])
  expect(stderr).toMatch(/^epoch 1\/2 .*\nepoch 2\/2 .*\n$/)
  expect(stdout).toMatch(/│ +1 │ 1[45]\d\.\d\d │ .* │ +147\.48 │/)
  expect(stdout).toMatch(/│ +2 │ 12\d\.\d\d │ .* │ +122\.67 │/)
  expect(stdout).toMatch(/Test loss on 10,000 images: 1[12]\d\.\d\d/)
  expect(stdout).toContain(join('out', 'reconstructions.png'))
  expect(code).toBe(0)
  const out = join(folder, 'out')
  expect((await readdir(out)).sort()).toEqual(['loss.svg', 'model', 'reconstructions.png', 'samples.png'])
  expect(await readFile(join(out, 'loss.svg'), 'utf8')).toMatch(/^<svg/)
  for (const name of ['reconstructions.png', 'samples.png']) {
    const { data } = PNG.sync.read(await readFile(join(out, name)))
    expect(data.filter((_, i) => i % 4 === 0 && (data[i] as number) > 200).length).toBeGreaterThan(1000)
  }
  expect((await (await VAE.load(join(out, 'model'))).sample(2)).shape).toEqual([2, 784])
})

test.skipIf(!backend().bfloat16)('train takes the precision of its products', async () => {
  const { code, stdout } = await run(['train', '--epochs', '1', '--precision', 'bfloat16', '--out', 'rounded'])
  expect(stdout).toMatch(/│ +1 │ 1[45]\d\.\d\d │ .* │ +147\.48 │/)
  expect(code).toBe(0)
})

test('an interrupt ends the training and the program, without traces', async () => {
  let interrupted = false
  const { code, stdout, stderr } = await run(['train', '--epochs', '10000', '--out', 'never'], (text, kill) => {
    if (interrupted || !text.includes('epoch 1/')) return
    interrupted = true
    kill('SIGINT')
  })
  expect(code).toBe(130)
  expect(stderr).toMatch(/Interrupted\.\n$/)
  expect(stdout).toBe('')
  expect(await readdir(folder)).not.toContain('never')
})

describe('a mistake is one line and an exit code', () => {
  test.each([
    [
      ['train', '--epochs', '0'],
      "error: option '--epochs <n>' argument '0' is invalid. Expected an integer of at least 1.",
    ],
    [
      ['train', '--seed', '1.5'],
      "error: option '--seed <n>' argument '1.5' is invalid. Expected an integer of at least 0.",
    ],
    [
      ['train', '--threads', 'x'],
      "error: option '--threads <n>' argument 'x' is invalid. Expected an integer from 0 to 1024.",
    ],
    [
      ['train', '--precision', 'float16'],
      "error: option '--precision <name>' argument 'float16' is invalid. Allowed choices are float32, bfloat16.",
    ],
    [['train', '--epoch', '3'], "error: unknown option '--epoch'"],
    [['trian'], "error: unknown command 'trian'"],
    [['train', '--epochs', '1', '--epochs', '1'], "error: option '--epochs <n>' is given more than once"],
    [['train', '--precision=float32', '--precision=float32'], "'--precision <name>' is given more than once"],
    [['train', '--seed', '9'.repeat(20)], 'Expected an integer of at most 9007199254740991.'],
    [['train', '--epochs', ''], "argument '' is invalid. Expected an integer of at least 1."],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await run(args)
    expect(stderr).toContain(message)
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })

  test('if the output cannot be written, before training', async () => {
    const { code, stderr } = await run(['train', '--epochs', '1', '--out', '/dev/null/out'])
    expect(stderr).toMatch(/^aevb: \/dev\/null\/out cannot be written: .*\n$/)
    expect(code).toBe(1)
  })

  test('if there are no products of bfloat16, before training', async () => {
    // Plain C++ has none, nor has a CBLAS, which takes its place if the build has found one.
    const args = ['train', '--precision', 'bfloat16', '--out', 'never']
    const { code, stderr } = await run(args, undefined, { AEVB_ISA: 'portable' })
    expect(stderr).toMatch(
      /^aevb: Expected 'float32', as this processor .* for precision but received 'bfloat16' .*\n$/,
    )
    expect(code).toBe(1)
    expect(await readdir(folder)).not.toContain('never')
  })

  test('if a file is in the place of the model, before training', async () => {
    await mkdir(join(folder, 'taken'))
    await writeFile(join(folder, 'taken', 'model'), '')
    const { code, stderr } = await run(['train', '--epochs', '1', '--out', 'taken'])
    expect(stderr).toMatch(/^aevb: taken.model cannot be written: .*\n$/)
    expect(code).toBe(1)
    expect(await readdir(join(folder, 'taken'))).toEqual(['model'])
  })
})

describe('what cannot be written', () => {
  const long = 'a'.repeat(300)
  test.each([
    ['nothing', '', "argument '' is invalid. Expected the path of a folder."],
    ['blanks', '  ', "argument '  ' is invalid. Expected the path of a folder."],
    ['a page', 'https://example.org/out', 'Expected a path or file URL'],
    ['a folder in a file system that takes none', '/proc/out', /^aevb: \/proc\/out cannot be written: /],
    ['one with too long a name', long, /^aevb: a+ cannot be written: ENAMETOOLONG/],
    ['one with too long a name in one that is not there', join('new', long), /^aevb: new.a+ cannot be written: /],
  ])('is refused before training, without traces: %s', async (_, out, message) => {
    const before = await readdir(folder)
    const { code, stdout, stderr } = await run(['train', '--epochs', '1', '--out', out])
    if (typeof message === 'string') expect(stderr).toContain(message)
    else expect(stderr).toMatch(message)
    expect(stderr).not.toContain('epoch 1/')
    expect([code, stdout]).toEqual([1, ''])
    expect(await readdir(folder)).toEqual(before)
  })

  test.each(['loss.svg', 'samples.png', join('model', 'config.json'), join('model', 'model.safetensors')])(
    'is refused before training if a folder is in its place: %s',
    async (name) => {
      const out = await mkdtemp(join(folder, 'occupied-'))
      await mkdir(join(out, name), { recursive: true })
      const { code, stderr } = await run(['train', '--epochs', '1', '--out', out])
      expect(stderr).toMatch(/^aevb: .* cannot be written: EISDIR.*\n$/)
      expect(code).toBe(1)
    },
  )

  test.skipIf(process.platform === 'win32')(
    'is refused before training: a link to a folder that is missing',
    async () => {
      const out = await mkdtemp(join(folder, 'link-'))
      await symlink(join(folder, 'missing', 'loss.svg'), join(out, 'loss.svg'))
      const { code, stderr } = await run(['train', '--epochs', '1', '--out', out])
      expect(stderr).toMatch(/^aevb: .*loss\.svg cannot be written: ENOENT.*\n$/)
      expect(code).toBe(1)
    },
  )

  test.skipIf(process.platform === 'win32')('is refused before training: a pipe', async () => {
    const out = await mkdtemp(join(folder, 'pipe-'))
    expect(spawnSync('mkfifo', [join(out, 'samples.png')]).status).toBe(0)
    const { code, stderr } = await run(['train', '--epochs', '1', '--out', out])
    expect(stderr).toMatch(/^aevb: .*samples\.png cannot be written: it is a pipe\n$/)
    expect(code).toBe(1)
  })

  test.skipIf(process.platform === 'win32')('does not mean a link to a file that is missing', async () => {
    const out = await mkdtemp(join(folder, 'link-'))
    const target = join(out, 'elsewhere.svg')
    await symlink('elsewhere.svg', join(out, 'loss.svg'))
    await checkReplaceable(join(out, 'loss.svg'))
    expect(await readdir(out)).toEqual(['loss.svg'])
    await writeFile(target, 'kept')
    await checkReplaceable(join(out, 'loss.svg'))
    expect(await readFile(target, 'utf8')).toBe('kept')
  })

  test('after training leaves the model, and gives its path', async () => {
    const out = await mkdtemp(join(folder, 'later-'))
    const images = { data: new Uint8Array(784 * 20), shape: [20, 784] }
    const part = { images, labels: { data: new Uint8Array(20), shape: [20] } }
    const options = { epochs: 1, batchSize: 10, seed: 3, threads: 1, precision: 'float32', out } as const
    const context = {
      signal: new AbortController().signal,
      data: { train: part, test: part },
      // The place was free when the program began.
      print: () => mkdirSync(join(out, 'samples.png'), { recursive: true }),
    }
    await expect(train(options, context)).rejects.toThrow(/^EISDIR.*\. The model is in .*model$/)
    expect((await VAE.load(join(out, 'model'))).config).toEqual({ seed: 3 })
  })
})

const aevb = `${JSON.stringify(process.execPath)} ${JSON.stringify(program)}`

function shell(command: string) {
  return new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    const child = spawn('bash', ['-c', `set -o pipefail; ${command}`], { cwd: folder })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        output += data
      })
    }
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

test('an interrupt after training gives the path of the model', async () => {
  const out = await mkdtemp(join(folder, 'interrupted-'))
  const images = { data: new Uint8Array(784 * 20), shape: [20, 784] }
  const part = { images, labels: { data: new Uint8Array(20), shape: [20] } }
  const interrupt = new AbortController()
  const printed: string[] = []
  const context = {
    signal: interrupt.signal,
    data: { train: part, test: part },
    print: (text: string) => {
      printed.push(text)
      interrupt.abort()
    },
  }
  const options = { epochs: 1, batchSize: 10, seed: 3, threads: 1, precision: 'float32', out } as const
  await expect(train(options, context)).rejects.toThrow(AbortError)
  expect(printed.at(-1)).toMatch(/the model: VAE\.load/)
  expect((await VAE.load(join(out, 'model'))).config).toEqual({ seed: 3 })
})

describe.skipIf(process.platform !== 'linux')('a device that is full', () => {
  test.each([
    ['stdout', '> /dev/full', /aevb: the output cannot be written: ENOSPC.*\n$/],
    ['stderr', '2> /dev/full', /Done in .*\n$/],
  ])('behind %s loses neither the model nor the pictures', async (_, redirection, wanted) => {
    const out = await mkdtemp(join(folder, 'full-'))
    const { code, output } = await shell(`${aevb} train --epochs 1 --out ${JSON.stringify(out)} ${redirection}`)
    expect(output).toMatch(wanted)
    expect(output).not.toMatch(/^ {4}at /m)
    expect(code).toBe(1)
    expect((await readdir(out)).sort()).toEqual(['loss.svg', 'model', 'reconstructions.png', 'samples.png'])
  })
})

describe('a reader that has had enough', () => {
  test.each([
    ['of the table', '2> /dev/null | head -1', /^┌.*┐\n$/],
    ['of the progress', '2>&1 | head -1', /^epoch 1\/2 .*\n$/],
  ])('%s ends nothing', async (_, pipe, wanted) => {
    const out = await mkdtemp(join(folder, 'piped-'))
    const { code, output } = await shell(`${aevb} train --epochs 2 --out ${JSON.stringify(out)} ${pipe}`)
    expect(output).toMatch(wanted)
    expect(code).toBe(0)
    expect((await readdir(out)).sort()).toEqual(['loss.svg', 'model', 'reconstructions.png', 'samples.png'])
  })

  test('of the help sees no stack', async () => {
    expect(await shell(`${aevb} --help | head -1`)).toEqual({ code: 0, output: 'Usage: aevb [options] [command]\n' })
  })
})

test('on a terminal the bar shows how much time is left', async () => {
  const python = `import pty, sys
sys.exit(pty.spawn([sys.argv[1], sys.argv[2], 'train', '--epochs', '2', '--out', 'terminal']))`
  const child = spawn('python3', ['-c', python, process.execPath, program], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let shown = ''
  child.stdout.on('data', (data) => {
    shown += data
  })
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0)
  expect(shown).toMatch(/epoch 1\/2 [█░]{24} \d+\/469 steps {2}loss \d+\.\d\d {2}\d+ s left/)
  expect(shown).toMatch(/epoch 2\/2 [█░]{24} \d+\/469 steps {2}loss \d+\.\d\d {2}\d+ s left/)
})

test.each([
  [0, '0 s'],
  [0.2, '1 s'],
  [59, '59 s'],
  [60, '1 min 00 s'],
  [3599, '59 min 59 s'],
  [3600, '1 h 00 min'],
  [36_061, '10 h 01 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

test('--version is that of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  expect((await run(['--version'])).stdout).toBe(`${version}\n`)
})
