/**
 * Writing a model's folder. Two files cannot be replaced in one move, so model.safetensors carries a copy of config.json
 * and a checksum of its tensors: it is whole by itself, and moving it into place is the one moment in which the new model
 * takes the old one's. Whoever reads between the two moves, after a crash, or while two write at once, finds a
 * config.json with the checksum of other tensors, and goes by the copy (load.ts). A config.json that a person wrote has
 * no checksum and would count beside any tensors, so it is given that of its own before they are replaced.
 */

import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { isVAEError, messageOf, VAEError } from '../errors.js'
import { makeFolder } from '../folders.js'
import type { VAEConfig } from '../options/config.js'
import type { ParameterShape } from '../options/layout.js'
import { pathOf } from '../paths.js'
import { configPath, readConfig, tensorsPath, withPair } from './config-file.js'
import { encodeDocument } from './document.js'
import { CHUNK_BYTES, type Staged, stage, syncFolder } from './files.js'
import { encodeHeader } from './safetensors.js'
import { removeLeftovers } from './temporary.js'

export async function saveModel(
  folder: string | URL,
  config: VAEConfig,
  table: readonly ParameterShape[],
  parameters: Readonly<Record<string, Float32Array>>,
): Promise<void> {
  const path = pathOf(folder, 'folder')
  const pieces = table.flatMap(({ name }) => chunks(parameters[name] as Float32Array))
  const staged: Staged[] = []
  try {
    const document = encodeDocument(config, await hash(pieces))
    // 'pt' tells other readers that names and layouts are PyTorch's.
    const header = encodeHeader(table, { format: 'pt', aevb: document })
    await makeFolder(path)
    await removeLeftovers(path)
    staged.push(await stage(tensorsPath(path), [header, ...pieces]))
    staged.push(await stage(configPath(path), [Buffer.from(document)]))
    const tied = await tieConfig(path)
    if (tied) staged.unshift(tied)
    for (const file of staged) await file.commit()
    await syncFolder(path)
  } catch (error) {
    const why = messageOf(error)
    throw new VAEError('CHECKPOINT_UNWRITABLE', `The model cannot be saved in ${path}: ${why}`, { cause: error })
  } finally {
    for (const file of staged) await file.discard()
  }
}

/** The config.json of the folder with the checksum of the tensors beside it, if it has none. */
async function tieConfig(folder: string): Promise<Staged | undefined> {
  const old = await readConfig(folder).catch(() => undefined)
  if (!old || isVAEError(old) || old.document.sha256 !== undefined) return undefined
  const tied = await withPair(folder, async (config, file) => {
    if (isVAEError(config) || config.document.sha256 !== undefined) return undefined
    return { config: config.document.config, sha256: await file.hash() }
    // Beside tensors that cannot be read it told of no model, and any checksum will do.
  }).catch(() => ({ config: old.document.config, sha256: '0'.repeat(64) }))
  return tied && stage(configPath(folder), [Buffer.from(encodeDocument(tied.config, tied.sha256))])
}

function chunks({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array[] {
  const count = Math.ceil(byteLength / CHUNK_BYTES)
  return Array.from({ length: count }, (_, i) => {
    const begin = i * CHUNK_BYTES
    return new Uint8Array(buffer, byteOffset + begin, Math.min(CHUNK_BYTES, byteLength - begin))
  })
}

async function hash(pieces: readonly Uint8Array[]): Promise<string> {
  const sha256 = createHash('sha256')
  for (const piece of pieces) {
    sha256.update(piece)
    if (piece.length === CHUNK_BYTES) await setImmediate()
  }
  return sha256.digest('hex')
}
