/** Values from another realm, or from another copy of the package, are recognised here, and those from here there. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { AbortError, Dataset, type FitOptions, VAE, VAEError } from '../src/index.js'
import { bits } from './helpers/data.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const config = { input: 2, encoder: [3], latent: 1, decoder: [3], likelihood: 'gaussian' } as const

describe('under a test runner that gives each file a realm', () => {
  const text = `import { expect, test } from 'vitest'
import { AbortError, Dataset, VAE, VAEError } from 'aevb'
const config = { input: 2, encoder: [3], latent: 1, decoder: [3], likelihood: 'gaussian' }
const failure = (promise) => promise.then(() => undefined, (error) => error)
test('the realm is another one', () => {
  expect(process.constructor instanceof Object).toBe(false)
})
test('a fit that is aborted, before and within', async () => {
  const within = new AbortController()
  const vae = new VAE(config)
  const options = { epochs: 1e6, verbose: false, callbacks: { onEpochEnd: () => within.abort('enough') } }
  for (const signal of [AbortSignal.abort('enough'), within.signal]) {
    const error = await failure(vae.fit([[1, 2], [3, 4]], { ...options, signal }))
    expect(error).toBeInstanceOf(AbortError)
    expect(error).toBeInstanceOf(VAEError)
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' })
  }
})
test('an inference that is aborted while it runs', async () => {
  const controller = new AbortController()
  const rows = new Float32Array(2e5)
  const answer = failure(new VAE(config).logLikelihood(rows, { samples: 1e5, signal: controller.signal }))
  setTimeout(() => controller.abort(), 20)
  expect(await answer).toBeInstanceOf(AbortError)
})
test('errors of the core', async () => {
  const vae = new VAE({ ...config, scale: 'none' })
  const diverged = await failure(vae.fit([[1e30, 1e30], [1, 2]], { verbose: false }))
  expect(diverged).toBeInstanceOf(VAEError)
  expect(diverged).toMatchObject({ code: 'DIVERGED', epoch: 1 })
  expect(await failure(vae.sample(2 ** 31 - 1))).toMatchObject({ code: 'OUT_OF_MEMORY' })
  vae.dispose()
  expect(await failure(vae.sample(1))).toMatchObject({ code: 'DISPOSED' })
  expect(() => new Dataset([[1]]).slice(2)).toThrow(RangeError)
  expect(() => new VAE({ inptu: 2 })).toThrow(TypeError)
})
test('results', async () => {
  const vae = new VAE(config)
  await vae.fit([[1, 2], [3, 4]], { epochs: 1, verbose: false })
  const { mean, groups } = await vae.encode([[1, 2]])
  const { perExample, samples, reliable } = await vae.logLikelihood([[1, 2]], { samples: 50 })
  const parameters = vae.parameters()
  const floats = [mean.data, groups[0].logVariance.data, vae.encodeSync([[1, 2]]).mean.data]
  for (const data of [...floats, ...Object.values(parameters).map(({ data }) => data)]) expect(data).toBeInstanceOf(Float32Array)
  for (const data of [perExample, samples]) expect(data).toBeInstanceOf(Float64Array)
  expect(typeof reliable).toBe('boolean')
  expect(parameters).toBeInstanceOf(Object)
  expect(await vae.evaluate([[1, 2]])).toBeInstanceOf(Object)
})
test('files', async () => {
  expect(await failure(VAE.load('nowhere'))).toBeInstanceOf(VAEError)
  expect(await failure(VAE.load(new URL('nowhere', import.meta.url)))).toMatchObject({ code: 'CHECKPOINT_MISSING' })
})
`
  test('errors keep their class and code', { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(root, '.realm-'))
    try {
      writeFileSync(join(folder, 'vitest.config.mjs'), 'export default { test: { include: ["*.test.mjs"] } }')
      writeFileSync(join(folder, 'a.test.mjs'), text)
      const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', '.', '--pool=vmThreads']
      const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' }
      delete env.VITEST_POOL_ID
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env })
      expect(`${stdout}${stderr}`).toMatch(/Tests +6 passed/)
      expect(status).toBe(0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('from another realm', () => {
  const there = <T>(code: string): T => runInNewContext(code, {}) as T

  test.each<[string]>([
    ['[[1, 2], [3, 4]]'],
    ['new Float32Array([1, 2, 3, 4])'],
    ['new Float64Array([1, 2, 3, 4])'],
    ['({ data: new Float32Array([1, 2, 3, 4]), shape: [2, 2] })'],
  ])('%s are rows', async (code) => {
    const vae = new VAE(config)
    expect((await vae.encode(there(code))).mean.data).toEqual((await vae.encode([[1, 2], [3, 4]])).mean.data) // biome-ignore format: rows
    expect(vae.encodeSync(there(code)).mean.data).toEqual((await vae.encode(there(code))).mean.data)
    expect(
      new Dataset(there(code), Array.isArray(there(code)) || code.includes('shape') ? {} : { columns: 2 }).rows,
    ).toBe(2)
  })

  test('options, configs and callbacks are accepted', async () => {
    const [here, other] = [new VAE(config), new VAE(there(`(${JSON.stringify(config)})`))]
    expect(bits(other)).toEqual(bits(here))
    const options = there<FitOptions>(
      `const seen = []
      ;({ epochs: 2, verbose: false, optimizer: { type: 'sgd' }, callbacks: [{ onEpochEnd: ({ epoch }) => seen.push(epoch) }] })`,
    )
    await other.fit([[1, 2]], options)
    await here.fit([[1, 2]], { epochs: 2, verbose: false, optimizer: { type: 'sgd' } })
    expect(bits(other)).toEqual(bits(here))
  })
})

describe('another copy of the package', () => {
  const copy = async <T>(file: string) => (await import(/* @vite-ignore */ `../src/${file}?copy`)) as T

  test('makes errors that are instances of the classes here', async () => {
    const there = await copy<typeof import('../src/errors.js')>('errors.js')
    expect(there.VAEError).not.toBe(VAEError)
    const [busy, aborted] = [new there.VAEError('BUSY', 'busy'), new there.AbortError('enough')]
    expect([busy instanceof VAEError, aborted instanceof VAEError, aborted instanceof AbortError]).toEqual([
      true,
      true,
      true,
    ])
    for (const none of [new Error('x'), { code: 'ABORT_ERR' }, null, undefined, 'x'])
      expect((none as unknown) instanceof VAEError || (none as unknown) instanceof AbortError).toBe(false)
    expect(busy instanceof AbortError).toBe(false)
    class Own extends VAEError {}
    expect([busy instanceof Own, new Own('BUSY', 'busy') instanceof Own]).toEqual([false, true])
  })

  test('makes Datasets that are accepted here, without a copy', async () => {
    const there = await copy<typeof import('../src/data/dataset.js')>('data/dataset.js')
    expect(there.Dataset).not.toBe(Dataset)
    const data = new there.Dataset([[1, 2], [3, 4]]) as unknown as Dataset // biome-ignore format: rows
    const vae = new VAE({ ...config, condition: 2 })
    const options = { condition: data }
    const wanted = await vae.encode([[1, 2], [3, 4]], { condition: [[1, 2], [3, 4]] }) // biome-ignore format: rows
    expect((await vae.encode(data, options)).mean.data).toEqual(wanted.mean.data)
    expect(vae.encodeSync(data, options).mean.data).toEqual(wanted.mean.data)
    await expect(vae.encode(new there.Dataset([[1]]) as unknown as Dataset, options)).rejects.toThrow(
      'Expected rows of 2 numbers for x.columns but received 1',
    )
  })
})
