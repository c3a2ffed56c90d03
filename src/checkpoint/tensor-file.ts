/** Reading a file of float32 tensors: everything that its header says is checked before its data is read. */

import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import type { ParameterShape } from '../options/layout.js'
import { CHUNK_BYTES, readInto, withFile } from './files.js'
import { invalid } from './invalid.js'
import {
  checkFloat32,
  type Header,
  headerLength,
  headerLimits,
  LENGTH_BYTES,
  LONGEST_START,
  metadataAtStart,
  parseHeader,
} from './safetensors.js'

/** A file whose header has been read. */
export interface TensorFile {
  readonly header: Header
  readonly dataLength: number
  /** Reads all tensors. */
  read(): Promise<Tensors>
  /** Reads the data for its sha256, in hexadecimal, alone. */
  hash(): Promise<string>
}

export interface Tensors {
  readonly tensors: Record<string, Float32Array>
  /** The SHA-256 of their bytes, in hexadecimal. */
  readonly sha256: string
}

/** What a header may hold. */
export interface Expectation {
  /** The tensors of the model that the file is to hold, if that is known. */
  readonly table: readonly ParameterShape[] | undefined
  /** The tensors of the model that the file's own metadata tell of, if they do. */
  readonly tableOf: (metadata: ReadonlyMap<string, string>) => readonly ParameterShape[] | undefined
  /** Called when the file is open; false gives up, and `undefined` is what comes of it. */
  readonly proceed: () => Promise<boolean>
}

export function withTensorFile<T>(
  path: string,
  expectation: Expectation,
  use: (file: TensorFile) => Promise<T>,
): Promise<T | undefined> {
  return withFile(path, async (file, length) => {
    if (!(await expectation.proceed())) return undefined
    const start = new Uint8Array(Math.min(LENGTH_BYTES, length))
    await readInto(file, path, start, 0)
    const headerBytes = headerLength(start, length, path)
    const parts = await mostParts(file, path, headerBytes, expectation)
    const json = new Uint8Array(headerBytes)
    await readInto(file, path, json, LENGTH_BYTES)
    const dataStart = LENGTH_BYTES + headerBytes
    const dataLength = length - dataStart
    const header = parseHeader(json, dataLength, path, parts)
    checkFloat32(header, path)
    await setImmediate()
    return use({
      header,
      dataLength,
      read: () => readTensors(file, path, header, dataStart, dataLength),
      hash: () => hashData(file, path, dataStart, dataLength),
    })
  })
}

/** How many parts the header may have. Throws, before the header is read, if it is longer than what the model needs. */
async function mostParts(file: FileHandle, path: string, headerBytes: number, wanted: Expectation): Promise<number> {
  const limits = headerLimits(wanted.table ?? [])
  if (headerBytes <= limits.bytes) return limits.parts
  // A save that was cut short leaves the config.json of another model beside tensors that tell of their own.
  const start = new Uint8Array(Math.min(LONGEST_START, headerBytes))
  await readInto(file, path, start, LENGTH_BYTES)
  const own = headerLimits(wanted.tableOf(metadataAtStart(start, path) ?? new Map()) ?? [])
  if (headerBytes <= own.bytes) return own.parts
  const most = Math.max(limits.bytes, own.bytes)
  throw invalid(path, `its header has ${headerBytes} bytes, but a header of its model at most ${most}`)
}

async function readTensors(
  file: FileHandle,
  path: string,
  header: Header,
  dataStart: number,
  dataLength: number,
): Promise<Tensors> {
  // As long as the file is, whatever the header says.
  const data = new Uint8Array(dataLength)
  const hash = createHash('sha256')
  await readInto(file, path, data, dataStart, (piece, offset) => {
    hash.update(piece)
    checkFinite(piece, offset, header, path)
  })
  const tensors = Array.from(header.tensors, ([name, { begin, end }]) => [
    name,
    new Float32Array(data.buffer, begin, (end - begin) / 4),
  ])
  return { tensors: Object.fromEntries(tensors), sha256: hash.digest('hex') }
}

async function hashData(file: FileHandle, path: string, dataStart: number, dataLength: number): Promise<string> {
  const hash = createHash('sha256')
  const piece = new Uint8Array(Math.min(CHUNK_BYTES, dataLength))
  for (let offset = 0; offset < dataLength; offset += piece.length) {
    const part = piece.subarray(0, Math.min(piece.length, dataLength - offset))
    await readInto(file, path, part, dataStart + offset)
    hash.update(part)
  }
  return hash.digest('hex')
}

/** Names the tensor of the first number in a piece that is NaN or infinite. */
function checkFinite(piece: Uint8Array, offset: number, { tensors }: Header, path: string): void {
  const values = new Float32Array(piece.buffer, piece.byteOffset, piece.length / 4)
  const index = values.findIndex((value) => !Number.isFinite(value))
  if (index < 0) return
  const position = offset + 4 * index
  const name = [...tensors].find(([, { begin, end }]) => begin <= position && position < end)?.[0]
  throw invalid(path, `${name} holds ${values[index]}, not a finite number`)
}
