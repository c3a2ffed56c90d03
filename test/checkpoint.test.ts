/** Model folders: written as a whole, and read as a whole. No model is made here: see save-load.test.ts. */

import { copyFile, mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { parseDocument } from '../src/checkpoint/document.js'
import { readModel } from '../src/checkpoint/load.js'
import { saveModel } from '../src/checkpoint/save.js'
import {
  config,
  dataLength,
  document,
  encode,
  freshFolders,
  goodHeader,
  parameters,
  table,
} from './helpers/model-folder.js'

const folder = freshFolders()
const bias = async () => (await readModel(folder.path)).parameters['latent.mean.bias']?.[0]

describe('saving', () => {
  test('writes config.json as it was passed, and tensors of float32', async () => {
    await folder.save(1)
    expect((await readdir(folder.path)).sort()).toEqual(['config.json', 'model.safetensors'])
    expect(JSON.parse(await readFile(folder.config, 'utf8'))).toMatchObject({ format: 'aevb', version: 2, config })
    const bytes = await readFile(folder.tensors)
    const length = Number(bytes.readBigUInt64LE())
    expect(length % 8).toBe(0)
    const { __metadata__: metadata, ...places } = JSON.parse(bytes.subarray(8, 8 + length).toString())
    expect(places).toEqual(goodHeader())
    expect(metadata.format).toBe('pt')
    expect(bytes.length).toBe(8 + length + dataLength)
    expect(bytes.readFloatLE(8 + length)).toBe(1)
  })

  test('and loading gives the same config and the same bits', async () => {
    const odd = parameters(0)
    odd['latent.mean.weight']?.set([-0, 1e-45, 3.4028234663852886e38])
    await saveModel(folder.path, config, table, odd)
    const loaded = await readModel(pathToFileURL(folder.path))
    expect(loaded.config).toEqual(config)
    expect(loaded.parameters).toEqual(odd)
    expect(Object.is(loaded.parameters['latent.mean.weight']?.[0], -0)).toBe(true)
  })

  test('makes the folder, and those above it', async () => {
    folder.path = join(folder.path, 'a', 'b')
    await folder.save(1)
    expect(await bias()).toBe(1)
  })

  test('leaves other files alone', async () => {
    await writeFile(join(folder.path, 'notes.txt'), 'mine')
    await folder.save(1)
    await folder.save(2)
    expect((await readdir(folder.path)).sort()).toEqual(['config.json', 'model.safetensors', 'notes.txt'])
    expect(await bias()).toBe(2)
  })

  test('twenty times at once leaves one of the twenty, whole', async () => {
    const configs = Array.from({ length: 20 }, (_, seed) => ({ ...config, seed }))
    await Promise.all(configs.map((passed, i) => folder.save(i, passed)))
    const loaded = await readModel(folder.path)
    const values = Object.values(loaded.parameters).flatMap((tensor) => [...tensor])
    expect(new Set(values).size).toBe(1)
    expect(loaded.config.seed).toBe(values[0])
    expect(await readdir(folder.path)).toHaveLength(2)
  })

  test('reads whole models while others are written', async () => {
    await folder.save(0, { ...config, seed: 0 })
    let writing = true
    const writer = (async () => {
      for (let i = 1; i <= 40; i++) await folder.save(i, { ...config, seed: i })
      writing = false
    })()
    let reads = 0
    while (writing) {
      const loaded = await readModel(folder.path)
      expect(loaded.parameters['latent.mean.bias']?.[0]).toBe(loaded.config.seed)
      reads++
    }
    await writer
    expect(reads).toBeGreaterThan(0)
  })

  test('that fails names the path and the reason, and leaves the old files', async () => {
    await folder.save(1)
    await rm(folder.config)
    await mkdir(folder.config)
    await expect(folder.save(2)).rejects.toMatchObject({
      code: 'CHECKPOINT_UNWRITABLE',
      message: expect.stringContaining(folder.path),
    })
    expect((await readdir(folder.path)).sort()).toEqual(['config.json', 'model.safetensors'])
    await expect(saveModel(folder.tensors, config, table, parameters(1))).rejects.toMatchObject({
      code: 'CHECKPOINT_UNWRITABLE',
    })
  })

  test('and loading need a path', async () => {
    const wrong = [undefined, '', 5, {}, 'a\0b', 'https://example.org/a', 'file://elsewhere/a', 'file:///a%2Fb']
    for (const path of [...wrong, new URL('https://example.org/'), new URL('data:,a')] as never[]) {
      await expect(saveModel(path, config, table, parameters(1))).rejects.toThrow(TypeError)
      await expect(readModel(path)).rejects.toThrow(/^Expected a path or file URL for folder/)
    }
  })
})

describe('a folder may be named', () => {
  test.each<[string, () => string | URL]>([
    ['by its path', () => folder.path],
    ['by a URL', () => pathToFileURL(folder.path)],
    ['by the text of a URL', () => pathToFileURL(folder.path).href],
    ['by a URL from another realm', () => runInNewContext('url', { url: { ...urlLike(folder.path) } }) as URL],
  ])('%s', async (_name, named) => {
    folder.path = join(folder.path, 'a folder, 100 %')
    await saveModel(named(), config, table, parameters(3))
    expect((await readdir(folder.path)).sort()).toEqual(['config.json', 'model.safetensors'])
    expect((await readModel(named())).parameters['latent.mean.bias']?.[0]).toBe(3)
  })

  test('by one of its files, when it is read', async () => {
    await folder.save(3)
    expect(await readModel(folder.config)).toEqual(await readModel(folder.path))
    expect(await readModel(pathToFileURL(folder.tensors).href)).toEqual(await readModel(folder.path))
  })

  test('but not by another file', async () => {
    const path = join(folder.path, 'notes.txt')
    await writeFile(path, 'mine')
    await expect(readModel(path)).rejects.toMatchObject({
      code: 'CHECKPOINT_MISSING',
      message: `${path} is a file, not the folder of a model`,
    })
    await expect(saveModel(path, config, table, parameters(1))).rejects.toMatchObject({
      code: 'CHECKPOINT_UNWRITABLE',
    })
  })

  const urlLike = (path: string) => {
    const { href, protocol } = pathToFileURL(path)
    return { href, protocol }
  }
})

describe('a save cut short leaves a model that loads', () => {
  const old = { ...config, seed: 1 }
  const fresh = { ...config, seed: 2 }

  test('before the tensors are moved: the old one', async () => {
    await folder.save(1, old)
    await writeFile(join(folder.path, '.model.safetensors.0123456789ab.tmp'), 'half a fi')
    expect(await readModel(folder.path)).toMatchObject({ config: old })
    expect(await bias()).toBe(1)
  })

  test('between the two moves: the new one, though config.json is the old one’s', async () => {
    await folder.save(1, old)
    await copyFile(folder.config, join(folder.path, 'old.json'))
    await folder.save(2, fresh)
    await copyFile(join(folder.path, 'old.json'), folder.config)
    expect(await readModel(folder.path)).toMatchObject({ config: fresh })
    expect(await bias()).toBe(2)
  })

  test('when the second move fails: the new one', async () => {
    await folder.save(1, old)
    await rm(folder.config)
    await mkdir(folder.config)
    await expect(folder.save(2, fresh)).rejects.toMatchObject({ code: 'CHECKPOINT_UNWRITABLE' })
    await rmdir(folder.config)
    expect(await readModel(folder.path)).toMatchObject({ config: fresh })
    expect(await bias()).toBe(2)
  })

  test('between the two moves of a first save: the new one', async () => {
    await folder.save(2, fresh)
    await rm(folder.config)
    expect(await readModel(folder.path)).toMatchObject({ config: fresh })
  })
})

describe('config.json may be written by hand', () => {
  test('beside tensors from PyTorch', async () => {
    await writeFile(folder.config, document({}))
    await writeFile(folder.tensors, encode({ __metadata__: { format: 'pt' }, ...goodHeader() }))
    expect(await readModel(folder.path)).toEqual({ config, parameters: parameters(0) })
  })

  test('in version 1, which had no scale', async () => {
    await writeFile(folder.config, document({ version: 1 }))
    await writeFile(folder.tensors, encode({ __metadata__: { format: 'pt' }, ...goodHeader() }))
    expect((await readModel(folder.path)).config).toEqual(config)
    const gaussian = { ...config, likelihood: { type: 'gaussian', variance: 1 } } as const
    const parsed = parseDocument(Buffer.from(document({ version: 1, config: gaussian })), 'config.json')
    expect(parsed.config).toEqual({ ...gaussian, scale: 'none' })
  })

  test('and edited, without its checksums: it takes precedence over the copy within the tensors', async () => {
    await folder.save(1)
    const { sha256: _, checksum: __, ...edited } = JSON.parse(await readFile(folder.config, 'utf8'))
    edited.config.seed = 77
    await writeFile(folder.config, JSON.stringify(edited))
    expect((await readModel(folder.path)).config.seed).toBe(77)
  })

  test('and put beside tensors that aevb saved: it is used', async () => {
    await folder.save(3)
    await writeFile(folder.config, document({ config: { ...config, objective: { beta: 4 } } }))
    expect((await readModel(folder.path)).config.objective).toEqual({ beta: 4 })
    expect(await bias()).toBe(3)
  })

  test('and put beside tensors that aevb saved of another model: it is refused', async () => {
    await folder.save(3)
    await writeFile(folder.config, document({ config: { ...config, latent: 2 } }))
    await expect(readModel(folder.path)).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining("latent.mean.weight has shape [1,3], but the model's is [2,3]"),
    })
  })
})
