/** What is known of each row beside its data, in any form that it may come in, as rows that the core owns. */

import { expected } from '../errors.js'
import { type ModelSpec, type NativeDataset, native } from '../native.js'
import type { FlatArray } from '../tensor.js'
import {
  asDataset,
  checkedRows,
  type Dataset,
  type Domain,
  datasetOf,
  type MatrixLike,
  real,
  refuseBadCell,
  rowsNow,
} from './dataset.js'
import { flatten, isIntegers } from './matrix.js'
import { layoutOf } from './strided.js'

/**
 * The condition of each row. For a model with `condition: { classes }` a class number for each, counted from 0, or one
 * number for all rows; else a row of numbers for each, or one for all, in which bytes stand for 0, 1/255, ..., 1.
 */
export type ConditionLike = MatrixLike | readonly number[] | number

type ConditionSpec = ModelSpec['condition']

/** The rows of a condition, before their cells are checked. */
export interface ConditionRows {
  readonly dataset: Dataset
  readonly domain: Domain
}

/** A condition in a form that data may have, and how it is to be read. */
interface Given {
  readonly given: unknown
  readonly columns: number
  readonly domain: Domain
  /** For messages: what it is, and in which forms. */
  readonly what: string
  readonly forms: string
}

/**
 * The condition of `rows` rows, or undefined for a model without one. Throws a TypeError or RangeError if the model has
 * none but one is given, if one is missing, or if it does not fit.
 */
export function conditionRows(
  spec: ConditionSpec,
  condition: unknown,
  rows: number,
  name = 'condition',
): ConditionRows | undefined {
  const read = readCondition(spec, condition, rows, name)
  if (!read) return undefined
  const { given, columns, domain, what, forms } = read
  const dataset = datasetOf(given) ?? asDataset(given, name, columns, forms)
  if (dataset.columns !== columns) throw new RangeError(expected(what, name, condition))
  if (dataset.rows !== rows) throw new RangeError(expected(`${what}, ${rows} in all,`, name, condition))
  return { dataset, domain }
}

function readCondition(
  spec: ConditionSpec,
  condition: unknown,
  rows: number,
  name: string,
  isNow = false,
): Given | undefined {
  if (spec.width === 0) {
    if (condition === undefined) return undefined
    throw new TypeError(expected('nothing, for the model has no condition,', name, condition))
  }
  const what = spec.classes
    ? `a class number below ${spec.width} for each row`
    : `a row of ${spec.width} numbers for each row`
  if (condition === undefined) {
    throw new TypeError(expected(`${what}, or one for all,`, name, condition))
  }
  if (!spec.classes) {
    return {
      given: rowForAll(condition, spec.width, rows, name),
      columns: spec.width,
      domain: real(spec.width),
      what,
      forms: `${what}, in a form that data may have, or one for all,`,
    }
  }
  return {
    given:
      isNow && rows === 1 && typeof condition === 'number'
        ? theOne(condition)
        : classNumbers(condition, rows, name, what),
    columns: 1,
    domain: [{ type: 'codes', classes: [spec.width], columns: 1 }],
    what,
    forms: `${what}, or one for all,`,
  }
}

const one = new Float64Array(1)

/** A class number, until the next: an array that the core has reached once costs less than a new one. */
function theOne(condition: number): Float64Array {
  one[0] = condition
  return one
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
  const { data, shape } = (condition ?? {}) as { data?: unknown; shape?: { length?: unknown } }
  return shape?.length === 1 && !datasetOf(condition) ? columnOf(condition as { data: unknown }, data, name) : condition
}

/** A tensor of one dimension as one of a single column. */
function columnOf(tensor: object, data: unknown, name: string): unknown {
  const { shape, strides, offset, isPlaced } = layoutOf(tensor, name)
  const place = isPlaced ? { strides: [...strides, 1], offset } : {}
  return { data, shape: [...shape, 1], ...place }
}

/** One row of numbers, for as many rows as there are; anything else as it is. */
function rowForAll(condition: unknown, columns: number, rows: number, name: string): unknown {
  const isList = Array.isArray(condition) && typeof condition[0] === 'number'
  if (isList && condition.length === columns) return repeated(flatten([condition], name, columns).data, rows)
  if (isList || datasetOf(condition)) return condition
  if (rows === 1 || !hasOneRow(condition, columns)) return condition
  return repeated(flatten(condition, name, columns).data, rows)
}

function hasOneRow(condition: unknown, columns: number): boolean {
  const { length, shape } = (condition ?? {}) as { length?: unknown; shape?: ArrayLike<unknown> }
  if (Array.isArray(condition)) return length === 1
  return ArrayBuffer.isView(condition) ? length === columns : shape?.[0] === 1
}

function repeated(row: FlatArray, rows: number): FlatArray {
  const kind = row.constructor as new (length: number) => FlatArray
  const all = new kind(row.length * rows)
  all.set(row)
  // Doubled until it is full.
  for (let filled = row.length; filled < all.length; filled *= 2) all.copyWithin(filled, 0, filled)
  return all
}

/**
 * The condition of `rows` rows with every cell checked, on the calling thread, for a call that is over before anything can
 * change. An array stays what it is: to make a Dataset of it would take longer than to encode a row.
 */
export function conditionNow(
  spec: ConditionSpec,
  condition: unknown,
  rows: number,
): NativeDataset | FlatArray | undefined {
  const name = 'condition'
  const read = readCondition(spec, condition, rows, name, true)
  if (!read) return undefined
  const { given, columns, domain, what, forms } = read
  const held = datasetOf(given)
  if (held && held.columns !== columns) throw new RangeError(expected(what, name, condition))
  const { native: cells, rows: found } = rowsNow(given, name, columns, domain, forms)
  if (found !== rows) throw new RangeError(expected(`${what}, ${rows} in all,`, name, condition))
  if (ArrayBuffer.isView(cells)) {
    const [{ type, classes } = { type: 'real' as const, classes: [] }] = domain
    refuseBadCell(native.checkArray(cells, columns, type, classes, 0, columns, false), name, domain)
  }
  return cells
}
