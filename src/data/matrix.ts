/** Any accepted form of a matrix, checked for form and laid out flat. What its cells hold is checked by dataset.ts. */

import { types } from 'node:util'
import { expected, translate } from '../errors.js'
import { native } from '../native.js'
import type { FlatArray, Tensor } from '../tensor.js'

/** Rows of numbers, in any of these forms; a typed array without a shape holds whole rows one after another. */
export type Matrix = Tensor | FlatArray | readonly (readonly number[])[]

/** Row-major cells that the core can take. */
export interface FlatMatrix {
  readonly data: FlatArray
  readonly rows: number
  readonly columns: number
}

const forms = 'a Tensor, Float32Array, Float64Array, Uint8Array or number[][]'

/** As many rows as the core can count. */
const MOST_ROWS = 2 ** 32 - 1

/**
 * Throws a TypeError for what is no matrix and a RangeError for one of the wrong shape. `columns` is what a row must
 * have; without it a typed array, which has no shape of its own, is refused. `name` is the argument's, and `what` the
 * forms that it may have.
 */
export function flatten(value: unknown, name: string, columns?: number, what = forms): FlatMatrix {
  const matrix = flattened(value, name, columns, what)
  if (matrix.rows > MOST_ROWS) throw new RangeError(expected('fewer than 2^32 rows', name, value))
  return matrix
}

/** Whether the cells came as bytes, which stand for 0, 1/255, ..., 1. */
export function isByteArray(data: FlatArray): data is Uint8Array | Uint8ClampedArray {
  return types.isUint8Array(data) || types.isUint8ClampedArray(data)
}

function flattened(value: unknown, name: string, columns: number | undefined, what: string): FlatMatrix {
  if (isFlatArray(value)) return fromFlat(value, name, columns)
  if (ArrayBuffer.isView(value)) throw new TypeError(expected(what, name, value))
  if (Array.isArray(value)) return fromRows(value, name, columns)
  if (typeof value === 'object' && value !== null && 'data' in value && 'shape' in value) {
    return fromTensor(value as { data: unknown; shape: unknown }, name, columns)
  }
  throw new TypeError(expected(what, name, value))
}

/** By what they are rather than by `instanceof`, because arrays may come from another realm (node:vm). */
function isFlatArray(value: unknown): value is FlatArray {
  return types.isFloat32Array(value) || types.isFloat64Array(value) || isByteArray(value as FlatArray)
}

function fromFlat(data: FlatArray, name: string, columns?: number): FlatMatrix {
  checkMemory(data, name)
  if (columns === undefined) {
    throw new TypeError(expected('a Tensor, or the option columns beside a typed array,', name, data))
  }
  if (data.length === 0) throw new RangeError(expected('at least one row', name, data))
  if (data.length % columns !== 0) {
    throw new RangeError(expected(`whole rows of ${columns} numbers`, name, data))
  }
  return { data, rows: data.length / columns, columns }
}

function fromTensor(tensor: { data: unknown; shape: unknown }, name: string, columns?: number): FlatMatrix {
  const { data, shape } = tensor
  if (!isFlatArray(data)) {
    throw new TypeError(expected('a Float32Array, Float64Array or Uint8Array', `${name}.data`, data))
  }
  checkMemory(data, `${name}.data`)
  const isShape = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0)
  if (!isShape) throw new TypeError(expected('an array of dimensions', `${name}.shape`, shape))
  if (shape.length < 2) throw new RangeError(expected('[rows, ...dimensions of a row]', `${name}.shape`, shape))
  const [rows, ...row] = shape as [number, ...number[]]
  const width = row.reduce((product, size) => product * size, 1)
  if (rows * width !== data.length) {
    throw new RangeError(expected(`${rows * width} numbers, as its shape says,`, `${name}.data`, data))
  }
  if (rows === 0) throw new RangeError(expected('at least one row', `${name}.shape`, shape))
  if (width === 0) throw new RangeError(expected('at least one number in a row', `${name}.shape`, shape))
  if (columns !== undefined && width !== columns) {
    throw new RangeError(expected(`rows of ${columns} numbers`, `${name}.shape`, shape))
  }
  return { data, rows, columns: width }
}

function fromRows(rows: readonly unknown[], name: string, columns?: number): FlatMatrix {
  const first: unknown = rows[0]
  if (rows.length === 0) throw new RangeError(expected('at least one row', name, rows))
  if (typeof first === 'number') throw new TypeError(expected('an array of rows, number[][],', name, rows))
  const width = columns ?? (Array.isArray(first) ? first.length : 0)
  // The core rounds to float32, and remembers where that loses what tells a column's numbers apart.
  const data = newDoubles(rows.length * width)
  for (let i = 0; i < rows.length; i++) {
    const row: unknown = rows[i]
    if (!Array.isArray(row)) throw new TypeError(expected('an array of numbers', `${name}[${i}]`, row))
    if (row.length !== width || width === 0) {
      const what = width === 0 ? 'at least one number' : `${width} numbers`
      throw new RangeError(expected(what, `${name}[${i}]`, row))
    }
    for (let j = 0; j < width; j++) {
      const cell: unknown = row[j]
      if (typeof cell !== 'number') throw new TypeError(expected('a number', `${name}[${i}][${j}]`, cell))
      data[i * width + j] = cell
    }
  }
  return { data, rows: rows.length, columns: width }
}

function newDoubles(length: number): Float64Array {
  try {
    // And the core's copy of them.
    native.afford(length * (Float64Array.BYTES_PER_ELEMENT + Float32Array.BYTES_PER_ELEMENT))
    return new Float64Array(length)
  } catch (error) {
    throw translate(error)
  }
}

/** Memory that another thread may write, or that is gone, cannot be copied safely. */
function checkMemory(data: FlatArray, name: string): void {
  if (types.isSharedArrayBuffer(data.buffer)) {
    throw new TypeError(expected('memory that no other thread can write (try .slice())', name, data))
  }
  if (data.length === 0 && isDetached(data.buffer)) {
    throw new TypeError(expected('memory that has not been transferred away (detached)', name, data))
  }
}

/** Node 20 has no `ArrayBuffer.prototype.detached`; a view on detached memory cannot be made. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer)
    return false
  } catch {
    return true
  }
}
