/**
 * The safetensors format, as its reference implementation reads it: eight bytes with the length of a JSON header
 * (little-endian), the header, then the tensors' bytes. The header gives each tensor's dtype, shape and place, counted
 * from the header's end:
 *
 *   { "__metadata__": { "format": "pt" },
 *     "encoder.0.weight": { "dtype": "F32", "shape": [200, 784], "data_offsets": [0, 627200] } }
 *
 * Everything here is pure: a header may come from anywhere, and claims nothing that is not checked against the length of
 * the file that it stands in.
 */

import { cut, quote } from '../errors.js'
import { elements, type ParameterShape } from '../options/layout.js'
import { invalid } from './invalid.js'
import { endOfString, isObject, parseObject } from './json.js'

/** The bytes before the header, which hold its length. */
export const LENGTH_BYTES = 8
/** What the format's own reader takes at most. */
const LONGEST_HEADER = 100_000_000

const dtypeBytes: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
}

/** For what a header holds beside the model's tensors: a copy of config.json, and what other programs note. */
const METADATA_BYTES = 1024 * 1024
const METADATA_PARTS = 256 * 1024

/** What a header may be, given the tensors that it is to name. What reading it costs grows with it: see SECURITY.md. */
export interface HeaderLimits {
  readonly bytes: number
  /** Objects, arrays and commas. */
  readonly parts: number
}

/** Twice what the tensors need in this package's own writing, so that a header of another writer, with spaces, fits as well. */
export function headerLimits(table: readonly ParameterShape[]): HeaderLimits {
  const own = table.reduce((bytes, { name, shape }) => bytes + 3 * name.length + 64 + 16 * (shape.length + 2), 0)
  return { bytes: Math.min(LONGEST_HEADER, METADATA_BYTES + 2 * own), parts: METADATA_PARTS + 16 * table.length }
}

/** Bytes of a header within which `metadataAtStart` looks. */
export const LONGEST_START = 2 * METADATA_BYTES

/** Where a tensor lies, in bytes from the end of the header. */
export interface TensorPlace {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

export interface Header {
  readonly metadata: ReadonlyMap<string, string>
  readonly tensors: ReadonlyMap<string, TensorPlace>
}

/** The length of the header, from a file's first bytes. `from` names the file in messages. */
export function headerLength(start: Uint8Array, fileLength: number, from: string): number {
  if (start.length < LENGTH_BYTES)
    throw invalid(from, `it has ${start.length} bytes, fewer than a header's length takes`)
  const claimed = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true)
  if (claimed > BigInt(fileLength - LENGTH_BYTES)) {
    throw invalid(from, `its header claims ${claimed} bytes, but only ${fileLength - LENGTH_BYTES} follow`)
  }
  if (claimed > LONGEST_HEADER) throw invalid(from, `its header claims ${claimed} bytes, more than the format allows`)
  return Number(claimed)
}

/**
 * The metadata of a header that begins with them, as most writers have it, from its first bytes; undefined if it does
 * not. For a header that is too long to be read before it is known what it may hold.
 */
export function metadataAtStart(start: Uint8Array, from: string): ReadonlyMap<string, string> | undefined {
  const text = new TextDecoder().decode(start)
  const begin = /^\{\s*"__metadata__"\s*:\s*(?=\{)/.exec(text)?.[0].length
  if (begin === undefined) return undefined
  // Nothing but strings is in it, so that the first brace outside of them ends it.
  for (let i = begin + 1; i < text.length; i++) {
    const character = text[i] as string
    if (character === '"') i = endOfString(text, i)
    else if (character === '}') return parseMetadata(parseObject(Buffer.from(text.slice(begin, i + 1)), from), from)
    else if (!/[\s:,]/.test(character)) return undefined
  }
  return undefined
}

/** Reads a header before `dataLength` bytes of data. The tensors' places cover these without gap or overlap. */
export function parseHeader(bytes: Uint8Array, dataLength: number, from: string, most?: number): Header {
  const json = parseObject(bytes, from, most)
  const tensors = new Map<string, TensorPlace>()
  let metadata = new Map<string, string>()
  // A Map, because a hostile name such as __proto__ is only a name in it.
  for (const name of Object.keys(json)) {
    if (name === '__metadata__') metadata = parseMetadata(json[name], from)
    else tensors.set(name, parsePlace(json[name], dataLength, name, from))
  }
  checkCover(tensors, dataLength, from)
  return { metadata, tensors }
}

/** Length and header for float32 tensors that follow one another in this order, padded so that they begin at 8 n bytes. */
export function encodeHeader(table: readonly ParameterShape[], metadata: Readonly<Record<string, string>>): Uint8Array {
  let end = 0
  const entries = table.map(({ name, shape }) => {
    const begin = end
    end += 4 * elements(shape)
    return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }]
  })
  const json = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }))
  const length = Math.ceil(json.length / 8) * 8
  const header = Buffer.alloc(LENGTH_BYTES + length, ' ')
  if (length > LONGEST_HEADER) throw new Error(`its header takes ${length} bytes, more than the format allows`)
  header.writeBigUInt64LE(BigInt(length))
  json.copy(header, LENGTH_BYTES)
  return header
}

/** PyTorch counts batches beside the running statistics; with a momentum the count means nothing. */
const isBatchCount = (name: string, { dtype, shape }: TensorPlace) =>
  name.endsWith('.num_batches_tracked') && dtype === 'I64' && shape.length === 0

/** Throws if a tensor is not float32, but for PyTorch's counts of batches. */
export function checkFloat32({ tensors }: Header, from: string): void {
  for (const [name, place] of tensors) {
    const { dtype } = place
    if (dtype !== 'F32' && !isBatchCount(name, place))
      throw invalid(from, `tensor ${quote(name)} has dtype ${dtype}, but only F32 is read`)
  }
}

/** Throws if the tensors are not exactly those of the model. */
export function checkTable(header: Header, table: readonly ParameterShape[], from: string): void {
  for (const { name, shape } of table) {
    const found = header.tensors.get(name)
    if (!found) throw invalid(from, `the tensor ${name} of the model is missing`)
    if (found.shape.length !== shape.length || found.shape.some((size, i) => size !== shape[i])) {
      throw invalid(from, `${name} has shape [${cut(found.shape.join())}], but the model's is [${shape}]`)
    }
  }
  if (header.tensors.size === table.length) return
  const expected = new Set(table.map(({ name }) => name))
  for (const [name, place] of header.tensors) {
    // Beside running statistics that the model has.
    const normalized = isBatchCount(name, place) && expected.has(name.replace(/num_batches_tracked$/, 'running_var'))
    if (!expected.has(name) && !normalized) throw invalid(from, `the model has no tensor ${quote(name)}`)
  }
}

function parseMetadata(value: unknown, from: string): Map<string, string> {
  const pairs = isObject(value) ? Object.entries(value) : []
  if (!isObject(value) || pairs.some(([, text]) => typeof text !== 'string')) {
    throw invalid(from, '__metadata__ is not an object of strings')
  }
  return new Map(pairs as [string, string][])
}

function parsePlace(value: unknown, dataLength: number, name: string, from: string): TensorPlace {
  // There are many tensors, and few messages.
  const wrong = (why: string) => invalid(from, `tensor ${quote(name)} ${why}`)
  const isPlace = isObject(value) && ['dtype', 'shape', 'data_offsets'].every((field) => Object.hasOwn(value, field))
  if (!isPlace || Object.keys(value).length !== 3) {
    throw wrong('is not an object of dtype, shape and data_offsets')
  }
  const { dtype, shape, data_offsets: offsets } = value
  const width = typeof dtype === 'string' && Object.hasOwn(dtypeBytes, dtype) ? dtypeBytes[dtype] : undefined
  if (width === undefined) throw wrong('has an unknown dtype')
  if (!isCounts(shape)) throw wrong('has a shape that is not an array of integers of at least 0')
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw wrong('has data_offsets that are not two integers of at least 0')
  }
  const [begin, end] = offsets as [number, number]
  if (begin > end) throw wrong('ends before it begins')
  if (end > dataLength) throw wrong(`ends at byte ${end} of ${dataLength}`)
  // A product beyond 2^53 is rounded, but is then no length that a file has.
  const size = elements(shape) * width
  if (size !== end - begin) throw wrong(`has ${end - begin} bytes, but its shape needs ${size}`)
  return { dtype: dtype as string, shape, begin, end }
}

function checkCover(tensors: ReadonlyMap<string, TensorPlace>, dataLength: number, from: string): void {
  const places = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let covered = 0
  for (const [name, { begin, end }] of places) {
    if (begin < covered) throw invalid(from, `tensor ${quote(name)} overlaps another`)
    if (begin > covered) throw invalid(from, `there is a gap before tensor ${quote(name)}`)
    covered = end
  }
  if (covered !== dataLength) throw invalid(from, `${dataLength - covered} bytes follow the last tensor`)
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0)
}
