/** Any accepted form of a matrix, checked for form and laid out flat. What its cells hold is checked by dataset.ts. */

import { types } from 'node:util'
import { expected, translate } from '../errors.js'
import { afford } from '../memory.js'
import type { FlatArray, Tensor } from '../tensor.js'
import { type IntegerArray, layoutOf, rowMajor, type StridedTensor } from './strided.js'

/**
 * Rows of numbers, in any of these forms; a typed array without a shape holds whole rows one after another. Bytes stand
 * for 0, 1/255, ..., 1; integers of other widths for themselves.
 */
export type Matrix = Tensor | StridedTensor | FlatArray | IntegerArray | readonly Row[]

/** One row: numbers, or bytes if all rows are. */
export type Row = readonly number[] | FlatArray | IntegerArray

/** Row-major cells that the core can take. */
export interface FlatMatrix {
  readonly data: FlatArray
  readonly rows: number
  readonly columns: number
}

const forms = 'a Tensor, a typed array of numbers, number[][] or an array of typed arrays'

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
export function isByteArray(data: unknown): data is Uint8Array | Uint8ClampedArray {
  return types.isUint8Array(data) || types.isUint8ClampedArray(data)
}

function flattened(value: unknown, name: string, columns: number | undefined, what: string): FlatMatrix {
  if (isNumberArray(value)) return fromFlat(value, name, columns)
  if (ArrayBuffer.isView(value)) throw new TypeError(expected(what, name, value))
  if (Array.isArray(value)) return fromRows(value, name, columns)
  if (typeof value === 'object' && value !== null && 'data' in value && 'shape' in value) {
    return fromTensor(value, name, columns)
  }
  throw new TypeError(expected(what, name, value))
}

/** By what they are rather than by `instanceof`, because arrays may come from another realm (node:vm). */
function isNumberArray(value: unknown): value is FlatArray | IntegerArray {
  return types.isFloat32Array(value) || types.isFloat64Array(value) || isByteArray(value) || isIntegers(value)
}

/** Bytes apart, which stand for something else. */
export function isIntegers(value: unknown): value is IntegerArray {
  const { isInt8Array, isInt16Array, isInt32Array, isUint16Array, isUint32Array } = types
  return [isInt8Array, isInt16Array, isInt32Array, isUint16Array, isUint32Array].some((is) => is(value))
}

/** In a form that the core takes: the core rounds doubles, and remembers whether rounding made different numbers of a column equal. */
function forCore(data: FlatArray | IntegerArray, name: string): FlatArray {
  checkMemory(data, name)
  if (!isIntegers(data)) return data
  const doubles = newArray(Float64Array, data.length)
  doubles.set(data)
  return doubles
}

function fromFlat(given: FlatArray | IntegerArray, name: string, columns?: number): FlatMatrix {
  const data = forCore(given, name)
  if (columns === undefined) {
    throw new TypeError(expected('a Tensor, or the option columns beside a typed array,', name, data))
  }
  if (data.length === 0) throw new RangeError(expected('at least one row', name, data))
  if (data.length % columns !== 0) {
    throw new RangeError(expected(`whole rows of ${columns} numbers`, name, data))
  }
  return { data, rows: data.length / columns, columns }
}

function fromTensor(tensor: object & { data?: unknown }, name: string, columns?: number): FlatMatrix {
  const data = numbersOf(tensor.data, `${name}.data`)
  const layout = layoutOf(tensor, name)
  const { shape } = layout
  if (shape.length < 2) throw new RangeError(expected('[rows, ...dimensions of a row]', `${name}.shape`, shape))
  const [rows, ...row] = shape as [number, ...number[]]
  const width = row.reduce((product, size) => product * size, 1)
  const cells = rowMajor(data, layout, name, newArray)
  if (rows === 0) throw new RangeError(expected('at least one row', `${name}.shape`, shape))
  if (width === 0) throw new RangeError(expected('at least one number in a row', `${name}.shape`, shape))
  if (columns !== undefined && width !== columns) {
    throw new RangeError(expected(`rows of ${columns} numbers`, `${name}.shape`, shape))
  }
  return { data: cells, rows, columns: width }
}

function numbersOf(data: unknown, name: string): FlatArray {
  if (isNumberArray(data)) return forCore(data, name)
  if (!Array.isArray(data)) {
    const hint = 'a typed array or number[] (JSON makes an object of a typed array: write Array.from(data))'
    throw new TypeError(expected(hint, name, data))
  }
  const wrong = data.findIndex((cell) => typeof cell !== 'number')
  if (wrong >= 0) throw new TypeError(expected('a number', `${name}[${wrong}]`, data[wrong]))
  const doubles = newArray(Float64Array, data.length)
  doubles.set(data)
  return doubles
}

function fromRows(rows: readonly unknown[], name: string, columns?: number): FlatMatrix {
  const first: unknown = rows[0]
  if (rows.length === 0) throw new RangeError(expected('at least one row', name, rows))
  if (typeof first === 'number') throw new TypeError(expected('an array of rows, number[][],', name, rows))
  const width = columns ?? (isRow(first) ? first.length : 0)
  const kind = kindOf(rows)
  const data = newArray<FlatArray>(kinds[kind], rows.length * width)
  for (let i = 0; i < rows.length; i++) {
    const row: unknown = rows[i]
    if (!isRow(row)) throw new TypeError(expected('an array of numbers', `${name}[${i}]`, row))
    if (kind === 'numbers' && isByteArray(row)) {
      throw new TypeError(expected('numbers, as other rows are, or bytes in all of them', `${name}[${i}]`, row))
    }
    if (!Array.isArray(row)) checkMemory(row as FlatArray, `${name}[${i}]`)
    if (row.length !== width || width === 0) {
      const what = width === 0 ? 'at least one number' : `${width} numbers`
      throw new RangeError(expected(what, `${name}[${i}]`, row))
    }
    if (!Array.isArray(row)) {
      data.set(row, i * width)
      continue
    }
    for (let j = 0; j < width; j++) {
      const cell: unknown = row[j]
      if (typeof cell !== 'number') throw new TypeError(expected('a number', `${name}[${i}][${j}]`, cell))
      data[i * width + j] = cell
    }
  }
  return { data, rows: rows.length, columns: width }
}

function isRow(value: unknown): value is Row {
  return Array.isArray(value) || isNumberArray(value)
}

const kinds = { bytes: Uint8Array, floats: Float32Array, numbers: Float64Array } as const

/** What all rows are. */
function kindOf(rows: readonly unknown[]): keyof typeof kinds {
  if (isByteArray(rows[0])) return rows.every(isByteArray) ? 'bytes' : 'numbers'
  return types.isFloat32Array(rows[0]) && rows.every(types.isFloat32Array) ? 'floats' : 'numbers'
}

type NewArray = <T extends FlatArray>(kind: new (length: number) => T, length: number) => T

const newArray: NewArray = (kind, length) => {
  try {
    const made = kind as unknown as { readonly BYTES_PER_ELEMENT: number }
    // And the core's copy of them.
    afford(length * (made.BYTES_PER_ELEMENT + Float32Array.BYTES_PER_ELEMENT))
    return new kind(length)
  } catch (error) {
    throw translate(error)
  }
}

/** Memory that another thread may write, or that is gone, cannot be copied safely. */
function checkMemory(data: FlatArray | IntegerArray, name: string): void {
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
