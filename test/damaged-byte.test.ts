/** Whichever byte of a model's folder is damaged: the folder is refused, or the model is the one that was saved. */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readModel, type SavedModel } from '../src/checkpoint/load.js'
import { saveModel } from '../src/checkpoint/save.js'
import { VAEError } from '../src/index.js'
import { parseConfig, type VAEConfig } from '../src/options/config.js'
import { elements } from '../src/options/layout.js'
import { freshFolders } from './helpers/model-folder.js'

const folder = freshFolders()

// Digits, names, and numbers of every kind, in few bytes.
const config: VAEConfig = {
  input: 2,
  encoder: [],
  latent: { type: 'gaussian', units: 1, prior: { type: 'normal', mean: -0.5, variance: 2 } },
  decoder: [],
  likelihood: { type: 'gaussian', variance: 0.5 },
  objective: { beta: 1e-3 },
  seed: 0,
}
const table = parseConfig(config).layout.tensors
const parameters = Object.fromEntries(
  table.map(({ name, shape }, i) => [name, new Float32Array(elements(shape)).map((_, j) => 1 / (1 + i + j))]),
)

/** The folder as the first version of the code wrote it: the tensors' checksum is the only one. */
async function writeOld(): Promise<void> {
  await saveModel(folder.path, config, table, parameters)
  const { checksum: _none, ...fields } = JSON.parse(await readFile(folder.config, 'utf8'))
  const text = `${JSON.stringify(fields, null, 2)}\n`
  const bytes = await readFile(folder.tensors)
  const length = 8 + Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.subarray(8, length).toString())
  header.__metadata__.aevb = text
  const json = Buffer.from(JSON.stringify(header))
  const start = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ')
  start.writeBigUInt64LE(BigInt(start.length - 8))
  json.copy(start, 8)
  await writeFile(folder.config, text)
  await writeFile(folder.tensors, Buffer.concat([start, bytes.subarray(length)]))
}

/** Loads the folder with each byte of one file changed in turn, to each of several values; counts the refusals. */
async function damageAll(path: string, changes: (byte: number, i: number) => number[]): Promise<number> {
  const whole = await readModel(folder.path)
  const bytes = await readFile(path)
  let refused = 0
  for (let i = 0; i < bytes.length; i++) {
    for (const damaged of changes(bytes[i] as number, i)) {
      const copy = Buffer.from(bytes)
      copy[i] = damaged
      await writeFile(path, copy)
      const loaded: SavedModel | unknown = await readModel(folder.path).catch((error: unknown) => error)
      if (loaded instanceof Error) {
        expect(loaded).toBeInstanceOf(VAEError)
        refused++
      } else {
        expect(loaded, `byte ${i} of ${path} as ${damaged}`).toEqual(whole)
      }
    }
  }
  await writeFile(path, bytes)
  return refused
}

/** A bit of each byte, another of the next. */
const bit = (byte: number, i: number) => [byte ^ (1 << ((3 * i) % 8))]
const bitOfEverySecond = (byte: number, i: number) => (i % 2 === 0 ? bit(byte, i / 2) : [])
/** Characters that mean something in JSON, in turn. */
const character = (byte: number, i: number) =>
  ['-0129"\\,:{}[] '.charCodeAt(i % 14)].filter((character) => character !== byte)

describe('a folder that save wrote', () => {
  test.each<[string, 'config' | 'tensors', typeof bit]>([
    ['a bit of config.json flipped', 'config', bit],
    ['a character of config.json replaced', 'config', character],
    ['a bit of model.safetensors flipped', 'tensors', bit],
  ])('with %s', async (_name, file, change) => {
    await saveModel(folder.path, config, table, parameters)
    expect(await damageAll(folder[file], change)).toBeGreaterThan(300)
  })
})

describe('a folder of the first code', () => {
  test('loads', async () => {
    await writeOld()
    expect(await readModel(folder.path)).toEqual({ config, parameters })
  })

  test.each<[string, 'config' | 'tensors', typeof bit]>([
    ['a bit of config.json flipped', 'config', bit],
    ['a bit of model.safetensors flipped', 'tensors', bitOfEverySecond],
  ])('with %s', async (_name, file, change) => {
    await writeOld()
    expect(await damageAll(folder[file], change)).toBeGreaterThan(300)
  })
})

test('a bit of the only copy of the config, as an interrupted save leaves it', async () => {
  await saveModel(folder.path, config, table, parameters)
  await rm(folder.config)
  expect(await damageAll(folder.tensors, bitOfEverySecond)).toBeGreaterThan(300)
})

test('an edited config.json is refused with advice, and is used once its checksums are removed', async () => {
  await saveModel(folder.path, config, table, parameters)
  const document = JSON.parse(await readFile(folder.config, 'utf8'))
  document.config.likelihood.variance = 8.5
  await writeFile(folder.config, JSON.stringify(document))
  const advice = { code: 'CHECKPOINT_INVALID', message: expect.stringContaining('take "sha256" and "checksum" out') }
  await expect(readModel(folder.path)).rejects.toMatchObject(advice)
  delete document.checksum
  await writeFile(folder.config, JSON.stringify(document))
  await expect(readModel(folder.path)).rejects.toMatchObject(advice)
  delete document.sha256
  await writeFile(folder.config, JSON.stringify(document))
  expect((await readModel(folder.path)).config).toEqual(document.config)
})

test.each<[string, (text: string) => string | Buffer]>([
  ['a byte-order mark', (text) => `\ufeff${text}`],
  ['UTF-16 behind a mark', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
  ['the other UTF-16', (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
  ['the line ends of Windows', (text) => text.replaceAll('\n', '\r\n')],
  ['no line ends', (text) => JSON.stringify(JSON.parse(text))],
  ['more line ends', (text) => `\n\n${text}\n\n`],
  ['tabs', (text) => JSON.stringify(JSON.parse(text), null, '\t')],
  ['another order of keys', (text) => JSON.stringify(reversed(JSON.parse(text)))],
  ['numbers in another form', (text) => text.replace('0.001', '1E-3').replace('-0.5', '-5.0e-1')],
  ['letters as escapes', (text) => text.replaceAll('gaussian', '\\u0067aussian')],
])('an editor may leave %s in config.json', async (_name, edit) => {
  await saveModel(folder.path, config, table, parameters)
  const text = await readFile(folder.config, 'utf8')
  const edited = edit(text)
  expect(Buffer.from(edited).equals(Buffer.from(text))).toBe(false)
  await writeFile(folder.config, edited)
  expect(await readModel(folder.path)).toEqual({ config, parameters })
})

function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, child]) => [key, reversed(child)]),
  )
}

test('a config so long that it could not be loaded again is not saved', async () => {
  const path = join(folder.path, 'long')
  const long = { ...config, encoder: new Array<number>(600_000).fill(1) }
  await expect(saveModel(path, long, table, parameters)).rejects.toMatchObject({
    code: 'CHECKPOINT_UNWRITABLE',
    message: expect.stringContaining('more than the 1048576 that can be loaded again'),
  })
  await mkdir(path) // nothing has been made
})
