/** Reading a file of float32 tensors: everything that its header says is checked before its data is read. */

import { createHash } from 'node:crypto'
import type { Tensor } from '../tensor.js'
import { readInto, withFile } from './files.js'
import { invalid } from './invalid.js'
import { checkFloat32, type Header, headerLength, LENGTH_BYTES, parseHeader } from './safetensors.js'

export interface TensorFile<T> {
  /** What was made of the header. */
  readonly accepted: T
  readonly tensors: Record<string, Tensor<Float32Array>>
  /** Of the tensors' bytes, in hexadecimal. */
  readonly sha256: string
}

/** `accept` throws where the header is not the one wanted; the data has not been read then. */
export function readTensorFile<T>(path: string, accept: (header: Header) => T): Promise<TensorFile<T>> {
  return withFile(path, async (file, length) => {
    const start = new Uint8Array(Math.min(LENGTH_BYTES, length))
    await readInto(file, path, start, 0)
    const json = new Uint8Array(headerLength(start, length, path))
    await readInto(file, path, json, LENGTH_BYTES)
    const dataStart = LENGTH_BYTES + json.length
    const header = parseHeader(json, length - dataStart, path)
    checkFloat32(header, path)
    const accepted = accept(header)

    // As long as the file is, whatever the header says.
    const data = new Uint8Array(length - dataStart)
    const hash = createHash('sha256')
    await readInto(file, path, data, dataStart, (piece, offset) => {
      hash.update(piece)
      checkFinite(piece, offset, header, path)
    })
    const tensors = [...header.tensors].map(([name, { shape, begin, end }]) => [
      name,
      { data: new Float32Array(data.buffer, begin, (end - begin) / 4), shape },
    ])
    return { accepted, tensors: Object.fromEntries(tensors), sha256: hash.digest('hex') }
  })
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
