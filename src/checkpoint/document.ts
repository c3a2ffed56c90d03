/** `config.json`: which format, which version, which model. */

import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { cut, messageOf, quote, VAEError } from '../errors.js'
import { type ParsedConfig, parseConfig, type VAEConfig } from '../options/config.js'
import type { ParameterShape } from '../options/layout.js'
import { invalid } from './invalid.js'
import { isObject, parseObject } from './json.js'

/**
 * The version of the folder's layout. It changes when an older reader would read a newer folder wrongly. Version 1 knew no `scale`:
 * its models have none.
 */
const VERSION = 2
const OLDEST = 1

/**
 * Bytes that a document may have. A config that a person wrote has a few hundred, one of 100,000 layers
 * a few hundred thousand. What reading it costs grows with it: see SECURITY.md.
 */
export const LONGEST_DOCUMENT = 1024 * 1024

export interface ModelDocument extends ParsedConfig {
  /** SHA-256 of model.safetensors; absent if a person wrote the document. */
  readonly sha256: string | undefined
  /** Whether it has a checksum of its own, which folders of the first days lack. A wrong one is refused at once. */
  readonly checked: boolean
  /** The tensors of the model. */
  readonly table: readonly ParameterShape[]
  /** Everything in it but that checksum, as JSON. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** What to do if a document was changed on purpose. */
export const EDITED = 'if it was changed on purpose, take "sha256" and "checksum" out of config.json'

/** `checksum` is of everything else in it. Throws an Error if it is longer than a reader takes. */
export function encodeDocument(config: VAEConfig, sha256: string): string {
  const fields = { format: 'aevb', version: VERSION, config, sha256 }
  // The checksum covers what a reader will see: JSON has no undefined, for instance.
  const document = { ...fields, checksum: checksumOf(JSON.parse(JSON.stringify(fields))) }
  const readable = `${JSON.stringify(document, null, 2)}\n`
  const text = readable.length > LONGEST_DOCUMENT ? `${JSON.stringify(document)}\n` : readable
  const length = Buffer.byteLength(text)
  if (length <= LONGEST_DOCUMENT) return text
  throw new Error(`its config takes ${length} bytes, more than the ${LONGEST_DOCUMENT} that can be loaded again`)
}

export function parseDocument(bytes: Uint8Array, from: string): ModelDocument {
  const { checksum, ...fields } = parseObject(bytes, from)
  const { format, version, config, sha256, ...others } = fields
  if (format !== 'aevb') throw invalid(from, `its "format" is ${shown(format)}, not "aevb"`)
  if (!Number.isSafeInteger(version)) throw invalid(from, `its "version" is ${shown(version)}, not a whole number`)
  if ((version as number) > VERSION || (version as number) < OLDEST) {
    const message = `${from} is of version ${version}, but this aevb reads versions ${OLDEST} to ${VERSION}`
    throw new VAEError('CHECKPOINT_VERSION', message)
  }
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw invalid(from, `it has an unknown field ${quote(unknown)}`)
  checkDigest(sha256, 'sha256', from)
  checkDigest(checksum, 'checksum', from)
  if (config === undefined) throw invalid(from, 'it has no "config"')
  if (checksum !== undefined && checksum !== checksumOf(fields)) {
    throw invalid(from, `it does not have the checksum that was noted when it was saved; ${EDITED}`)
  }
  try {
    const parsed = parseVersioned(config, version as number)
    return { ...parsed, table: parsed.layout.tensors, sha256, checked: checksum !== undefined, fields }
  } catch (error) {
    throw invalid(from, messageOf(error), error)
  }
}

/** A config of version 1 whose data would be scaled now says that they are not. */
function parseVersioned(config: unknown, version: number): ParsedConfig {
  const parsed = parseConfig(config)
  if (version > 1 || parsed.spec.scale === 'none' || parsed.config.scale !== undefined) return parsed
  return parseConfig({ ...parsed.config, scale: 'none' })
}

/** Whether two documents say the same, in whatever order. */
export function isSameDocument(a: ModelDocument, b: ModelDocument): boolean {
  return isDeepStrictEqual(a.fields, b.fields)
}

/** A checksum of the fields' values, which does not depend on their order and the space between them. */
function checksumOf(fields: object): string {
  const sorted = JSON.stringify(fields, (_key, value: unknown) => {
    if (isObject(value)) return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    return Object.is(value, -0) ? '-0' : value
  })
  return createHash('sha256').update(sorted).digest('hex')
}

function checkDigest(value: unknown, name: string, from: string): asserts value is string | undefined {
  if (value === undefined || (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value))) return
  throw invalid(from, `its "${name}" is not 64 hexadecimal digits`)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? quote(value) : cut(String(JSON.stringify(value)))
}
