/** A save that stops after any of its moves leaves the old model or the new one, whatever wrote the old one. */

import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readModel } from '../src/checkpoint/load.js'
import { config, document, encode, freshFolders, goodHeader } from './helpers/model-folder.js'

vi.mock('node:fs/promises', async (original) => {
  const actual = await original<typeof import('node:fs/promises')>()
  return { ...actual, rename: vi.fn(actual.rename) }
})

const folder = freshFolders()
const old = { ...config, seed: 1 }
const fresh = { ...config, seed: 2 }

/** A copy of the folder after each move of the save, in order. */
async function statesOfSave(): Promise<string[]> {
  const { rename: move } = await vi.importActual<typeof import('node:fs/promises')>('node:fs/promises')
  const states: string[] = []
  vi.mocked(rename).mockImplementation(async (from, to) => {
    await move(from, to)
    const state = join(copies, String(states.length))
    await cp(folder.path, state, { recursive: true })
    states.push(state)
  })
  await folder.save(2, fresh)
  vi.mocked(rename).mockImplementation(move)
  return states
}

async function seedAndBias(path: string) {
  const loaded = await readModel(path)
  return [loaded.config.seed, loaded.parameters['latent.mean.bias']?.[0]]
}

let copies: string
beforeEach(async () => {
  copies = await mkdtemp(join(tmpdir(), 'aevb-'))
})
afterEach(() => rm(copies, { recursive: true }))

test.each<[string, () => Promise<unknown>, number[][]]>([
  [
    'what aevb saved',
    () => folder.save(1, old),
    [
      [2, 2],
      [2, 2],
    ],
  ],
  [
    'tensors from PyTorch and a config.json by hand',
    async () => {
      await writeFile(folder.config, document({ config: old }))
      await writeFile(folder.tensors, encode(goodHeader()))
    },
    [
      [1, 0],
      [2, 2],
      [2, 2],
    ],
  ],
  [
    'what aevb saved, with a config.json by hand',
    async () => {
      await folder.save(1, config)
      await writeFile(folder.config, document({ config: old }))
    },
    [
      [1, 1],
      [2, 2],
      [2, 2],
    ],
  ],
])('over %s', async (_name, prepare, wanted) => {
  await prepare()
  const states = await statesOfSave()
  expect(await Promise.all(states.map(seedAndBias))).toEqual(wanted)
})

test('over a config.json by hand without tensors: none or the new one', async () => {
  await writeFile(folder.config, document({ config: old }))
  const [first, ...others] = await statesOfSave()
  await expect(readModel(first as string)).rejects.toMatchObject({ code: 'CHECKPOINT_MISSING' })
  expect(await Promise.all(others.map(seedAndBias))).toEqual([
    [2, 2],
    [2, 2],
  ])
})
