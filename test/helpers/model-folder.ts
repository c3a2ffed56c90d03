/** Folders of a tiny model, written by hand, rightly or wrongly. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { saveModel } from '../../src/checkpoint/save.js'
import { parseConfig, type VAEConfig } from '../../src/options/config.js'
import { elements } from '../../src/options/layout.js'

export const config: VAEConfig = { input: 3, encoder: [], latent: 1, decoder: [] }
export const table = parseConfig(config).layout.tensors
/** Parameters that identify the save that they come from. */
export const parameters = (value: number) =>
  Object.fromEntries(table.map(({ name, shape }) => [name, new Float32Array(elements(shape)).fill(value)]))

export interface Place {
  dtype: unknown
  shape: unknown
  data_offsets: unknown
}
export type Header = Record<string, Place> & { __metadata__?: unknown }

/** The header that a well-behaved program writes. */
export function goodHeader(): Header {
  let end = 0
  const entries = table.map(({ name, shape }) => {
    const begin = end
    end += 4 * elements(shape)
    return [name, { dtype: 'F32', shape: [...shape], data_offsets: [begin, end] }]
  })
  return Object.fromEntries(entries)
}
export const dataLength = 4 * table.reduce((sum, { shape }) => sum + elements(shape), 0)

export function encode(header: unknown, data = Buffer.alloc(dataLength)): Buffer {
  const json = Buffer.isBuffer(header) ? header : Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, data])
}

export const document = (fields: object) => JSON.stringify({ format: 'aevb', version: 2, config, ...fields })

/** A fresh folder for each test of the file that calls this. */
export function freshFolders() {
  let root = ''
  const folder = {
    path: '',
    get config() {
      return join(this.path, 'config.json')
    },
    get tensors() {
      return join(this.path, 'model.safetensors')
    },
    save(value: number, passed = config) {
      return saveModel(this.path, passed, table, parameters(value))
    },
  }
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'aevb-'))
  })
  afterAll(() => rm(root, { recursive: true }))
  beforeEach(async () => {
    folder.path = await mkdtemp(join(root, 'model-'))
  })
  return folder
}
