/** Reading config.json, and the tensors beside it as they were when it was read. */

import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { isVAEError, type VAEError } from '../errors.js'
import { LONGEST_DOCUMENT, type ModelDocument, parseDocument } from './document.js'
import { readInto, withFile } from './files.js'
import { invalid } from './invalid.js'
import { type TensorFile, withTensorFile } from './tensor-file.js'

/** A folder that is written to by others may change while it is read, but hardly so often. */
const MOST_ATTEMPTS = 20

export interface ConfigFile {
  readonly document: ModelDocument
  readonly bytes: Uint8Array
  /** Which file it was, and of which moment. */
  readonly version: string
}

export function configPath(folder: string): string {
  return join(folder, 'config.json')
}

export function tensorsPath(folder: string): string {
  return join(folder, 'model.safetensors')
}

/** config.json, or the error that it is missing. */
export async function readConfig(folder: string): Promise<ConfigFile | VAEError> {
  const path = configPath(folder)
  try {
    return await withFile(path, async (file, length) => {
      if (length > LONGEST_DOCUMENT) throw invalid(path, `it has ${length} bytes, too many for a config`)
      const bytes = new Uint8Array(length)
      await readInto(file, path, bytes, 0)
      return { document: parseDocument(withoutMark(bytes), path), bytes, version: await versionOf(file) }
    })
  } catch (error) {
    if (isVAEError(error) && error.code === 'CHECKPOINT_MISSING') return error
    throw error
  }
}

/**
 * Reads config.json, and then what `use` makes of the tensors beside it. A config without a checksum of its tensors,
 * which a person wrote, counts beside those that lie there while it does: a save puts another one in its place before it
 * moves the tensors (save.ts). So it is looked at again when the tensors' file is open; if it is another one by then, all
 * begins anew.
 */
export async function withPair<T>(
  folder: string,
  use: (config: ConfigFile | VAEError, file: TensorFile) => Promise<T>,
): Promise<T> {
  const path = tensorsPath(folder)
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const config = await readConfig(folder)
    const document = isVAEError(config) ? undefined : config.document
    let steady = true
    const result = await withTensorFile(
      path,
      {
        table: document?.table,
        tableOf: (metadata) => copyWithin(metadata, path, config)?.table,
        proceed: async () => {
          if (document && document.sha256 === undefined) steady = await isStill(folder, config as ConfigFile)
          return steady
        },
      },
      async (file) => ({ made: await use(config, file) }),
    )
    if (result) return result.made
  }
  throw invalid(configPath(folder), 'it was replaced again and again while it was read')
}

/** The copy of config.json in a header's metadata. `beside`: config.json itself, of which it usually is a copy indeed. */
export function copyWithin(
  metadata: ReadonlyMap<string, string>,
  path: string,
  beside: ConfigFile | VAEError,
): ModelDocument | undefined {
  const text = metadata.get('aevb')
  if (text === undefined) return undefined
  const bytes = Buffer.from(text)
  if (!isVAEError(beside) && bytes.equals(beside.bytes)) return beside.document
  return parseDocument(bytes, `${path} (its copy of config.json)`)
}

async function isStill(folder: string, { version }: ConfigFile): Promise<boolean> {
  try {
    return await withFile(configPath(folder), async (file) => (await versionOf(file)) === version)
  } catch {
    return false
  }
}

async function versionOf(file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join()
}

/** Some editors put a byte-order mark before the text, and some write UTF-16 behind one. */
function withoutMark(bytes: Uint8Array): Uint8Array {
  const [a, b, c] = bytes
  if (a === 0xef && b === 0xbb && c === 0xbf) return bytes.subarray(3)
  const encoding = a === 0xff && b === 0xfe ? 'utf-16le' : a === 0xfe && b === 0xff ? 'utf-16be' : undefined
  if (encoding === undefined) return bytes
  try {
    return Buffer.from(new TextDecoder(encoding, { fatal: true }).decode(bytes))
  } catch {
    return bytes
  }
}
