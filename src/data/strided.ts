/** Tensors of other libraries: numbers that lie in memory in another order than row after row. */

import { types } from 'node:util'
import { expected, unknownOption } from '../errors.js'
import { native } from '../native.js'
import { isPlain } from '../schema.js'
import type { FlatArray } from '../tensor.js'

/**
 * A Tensor whose numbers need not lie one after another, as npm's `ndarray` and `@stdlib/ndarray` have them. Number
 * [i, j, ...] is `data[offset + i · strides[0] + j · strides[1] + ...]`.
 */
export interface StridedTensor<Data = FlatArray | IntegerArray | readonly number[]> {
  readonly data: Data
  /** The first dimension counts rows (examples). */
  readonly shape: readonly number[]
  /** For each dimension, in numbers. Default: as `order` says. */
  readonly strides?: readonly number[] | undefined
  /** The same, as `ndarray` calls it. */
  readonly stride?: readonly number[] | undefined
  /** Where number [0, 0, ...] lies. Default: 0. */
  readonly offset?: number | undefined
  /** Which dimension's numbers lie side by side, the last one's or the first one's. Default: 'row-major'. */
  readonly order?: 'row-major' | 'column-major' | undefined
}

/** Whole numbers, for what they are. Bytes stand for something else: see {@link FlatArray}. */
export type IntegerArray = Int8Array | Int16Array | Int32Array | Uint16Array | Uint32Array

const fields = ['data', 'shape', 'strides', 'stride', 'offset', 'order']
const orders = ['row-major', 'column-major']

/** How the numbers of an object with `data` and `shape` lie. */
export interface Layout {
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
  /** Whether it is said where the numbers lie, so that there may be others beside them. */
  readonly isPlaced: boolean
}

/** Throws a TypeError or RangeError that names the field which is wrong. */
export function layoutOf(tensor: object, name: string): Layout {
  // A class has members of its own, among them methods.
  if (isPlain(tensor)) {
    const unknown = Object.keys(tensor).find((key) => !fields.includes(key))
    if (unknown !== undefined) throw new TypeError(unknownOption(unknown, name, fields))
  }
  const given = tensor as Readonly<Record<string, unknown>>
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 0
  const shape = numbers(given.shape, `${name}.shape`, 'an array of dimensions', isSize)
  const strides = stridesOf(given, shape, name)
  const { offset } = given
  if (offset !== undefined && !isSize(offset)) {
    throw new TypeError(expected('an integer of at least 0', `${name}.offset`, offset))
  }
  return {
    shape,
    strides: strides ?? contiguous(shape, given.order === 'column-major'),
    offset: (offset as number | undefined) ?? 0,
    isPlaced: strides !== undefined || offset !== undefined,
  }
}

function stridesOf(
  { stride, strides, order }: Readonly<Record<string, unknown>>,
  { length }: readonly number[],
  name: string,
): readonly number[] | undefined {
  if (stride !== undefined && strides !== undefined) {
    throw new TypeError(expected('no stride beside strides', `${name}.stride`, stride))
  }
  const [given, field] = strides === undefined ? [stride, 'stride'] : [strides, 'strides']
  if (given === undefined) {
    if (order === undefined || orders.includes(order as string)) return undefined
    throw new TypeError(expected("'row-major' or 'column-major'", `${name}.order`, order))
  }
  const what = 'an array of integers, one for each dimension of shape'
  const list = numbers(given, `${name}.${field}`, what, Number.isSafeInteger)
  if (list.length !== length) throw new RangeError(expected(what, `${name}.${field}`, given))
  return list
}

function numbers(value: unknown, name: string, what: string, is: (item: unknown) => boolean): readonly number[] {
  const list = Array.isArray(value) || types.isTypedArray(value) ? Array.from(value as ArrayLike<unknown>) : undefined
  if (!list?.every(is)) throw new TypeError(expected(what, name, value))
  return list as number[]
}

function contiguous(shape: readonly number[], isColumnMajor: boolean): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = 0; i < shape.length; i++) {
    const dimension = isColumnMajor ? i : shape.length - 1 - i
    strides[dimension] = step
    step *= shape[dimension] as number
  }
  return strides
}

/** The numbers of the layout, one row after the other: the same memory if they lie like that, else new. */
export function rowMajor(
  data: FlatArray,
  layout: Layout,
  name: string,
  newArray: <T extends FlatArray>(kind: new (length: number) => T, length: number) => T,
): FlatArray {
  const { shape, strides, offset, isPlaced } = layout
  const size = shape.reduce((product, dimension) => product * dimension, 1)
  const steps = shape.map((dimension, i) => (Math.max(dimension, 1) - 1) * (strides[i] as number))
  const first = offset + sum(steps.filter((step) => step < 0))
  const last = offset + sum(steps.filter((step) => step > 0))
  if (isPlaced ? size > 0 && (first < 0 || last >= data.length) : size !== data.length) {
    const what = isPlaced ? `numbers from index ${first} to ${last}` : `${size} numbers`
    throw new RangeError(expected(`${what}, as its shape says,`, `${name}.data`, data))
  }
  // The stride of a single number leads nowhere.
  const plain = contiguous(shape, false)
  const isInOrder = shape.every((dimension, i) => dimension <= 1 || strides[i] === plain[i])
  const isContiguous = size === 0 || isInOrder
  if (isContiguous) return size === data.length ? data : data.subarray(offset, offset + size)
  const out = newArray(kindOf(data), size)
  native.gather(out, data, shape, strides, offset)
  return out
}

function kindOf(data: FlatArray): new (length: number) => FlatArray {
  if (types.isFloat32Array(data)) return Float32Array
  if (types.isFloat64Array(data)) return Float64Array
  return types.isUint8ClampedArray(data) ? Uint8ClampedArray : Uint8Array
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
