/** What is known of each row beside its data, in any form that it may come in, as rows that the core owns. */

import { types } from 'node:util'
import { expected } from '../errors.js'
import type { ModelSpec, NativeDataset } from '../native.js'
import { asDataset, checkedRows, checkedRowsNow, Dataset, type Domain, type MatrixLike, real } from './dataset.js'

/**
 * The condition of each row. Of a model with `condition: { classes }` a class number for each, counted from 0, or one
 * number for all rows; else a row of numbers for each, in which bytes stand for 0, 1/255, ..., 1.
 */
export type ConditionLike = MatrixLike | readonly number[] | Integers | number

type Integers = Int8Array | Int16Array | Int32Array | Uint16Array | Uint32Array

type ConditionSpec = ModelSpec['condition']

/** The rows of a condition, before their cells are checked. */
export interface ConditionRows {
  readonly dataset: Dataset
  readonly domain: Domain
}

/**
 * The condition of `rows` rows, or undefined for a model without one. Throws a TypeError or RangeError where the model has
 * none but one is given, where one is missing, or where it does not fit.
 */
export function conditionRows(
  spec: ConditionSpec,
  condition: unknown,
  rows: number,
  name = 'condition',
): ConditionRows | undefined {
  if (spec.width === 0) {
    if (condition === undefined) return undefined
    throw new TypeError(expected('nothing, for the model has no condition,', name, condition))
  }
  const what = spec.classes
    ? `a class number below ${spec.width} for each row`
    : `a row of ${spec.width} numbers for each row`
  if (condition === undefined) {
    throw new TypeError(expected(spec.classes ? `${what}, or one for all,` : what, name, condition))
  }
  const given = spec.classes ? classNumbers(condition, rows, name, what) : condition
  const forms = spec.classes ? `${what}, or one for all,` : `${what}, in a form that data may have,`
  const dataset = given instanceof Dataset ? given : asDataset(given, name, spec.classes ? 1 : spec.width, forms)
  if (dataset.columns !== (spec.classes ? 1 : spec.width)) throw new RangeError(expected(what, name, condition))
  if (dataset.rows !== rows) throw new RangeError(expected(`${what}, ${rows} in all,`, name, condition))
  return { dataset, domain: spec.classes ? { type: 'codes', classes: [spec.width] } : real }
}

/** The core's rows, once every cell is known to be what it should. */
export async function checkedCondition(
  condition: ConditionRows | undefined,
  signal: AbortSignal | undefined,
  name = 'condition',
): Promise<NativeDataset | undefined> {
  return condition && checkedRows(condition.dataset, name, condition.domain, signal)
}

/** Lists of whole numbers, and tensors of one dimension such as MNIST's labels, as a column; anything else as it is. */
function classNumbers(condition: unknown, rows: number, name: string, what: string): unknown {
  if (typeof condition === 'number') return new Float64Array(rows).fill(condition)
  if (Array.isArray(condition) && !Array.isArray(condition[0])) {
    if (condition.length === 0) throw new RangeError(expected(`${what}, ${rows} in all,`, name, condition))
    const i = condition.findIndex((item) => typeof item !== 'number')
    if (i >= 0) throw new TypeError(expected(what, `${name}[${i}]`, condition[i]))
    return Float64Array.from(condition)
  }
  // A detached array has no elements, and says so with what it is.
  if (isIntegers(condition) && condition.length > 0) return Float64Array.from(condition)
  if (Array.isArray(condition) && condition[0].length > 1) {
    throw new RangeError(
      expected(`${what}, not a row of columns (they become one-hot by themselves),`, name, condition),
    )
  }
  const { data, shape } = (condition ?? {}) as { data?: unknown; shape?: unknown }
  return Array.isArray(shape) && shape.length === 1 ? { data, shape: [...shape, 1] } : condition
}

/** Bytes apart, which are data in any case. */
function isIntegers(value: unknown): value is Integers {
  const { isInt8Array, isInt16Array, isInt32Array, isUint16Array, isUint32Array } = types
  return [isInt8Array, isInt16Array, isInt32Array, isUint16Array, isUint32Array].some((is) => is(value))
}

/** The same on the calling thread, for a call that is over before anything can change. */
export function conditionNow(condition: ConditionRows | undefined): NativeDataset | undefined {
  return condition && checkedRowsNow(condition.dataset, 'condition', condition.domain)
}
