/** What a table's columns are: plain JSON, which is inferred, may be edited, and is saved with a model. */

import { instance, list, number, oneOf, optional, options, type Schema } from '../schema.js'

/**
 * - `numeric`: any numbers. `integer`: whole ones, which come back whole. `count`: whole ones of at least 0, small.
 * - `boolean`: two values. `categorical`: one of `categories`. `datetime`: dates in ISO form.
 * - `constant`: one value in every row, no part of the model; it comes back. `id`: left out; it comes back empty.
 */
export type ColumnType = 'numeric' | 'integer' | 'count' | 'boolean' | 'categorical' | 'datetime' | 'constant' | 'id'

export const columnTypes = [
  'numeric',
  'integer',
  'count',
  'boolean',
  'categorical',
  'datetime',
  'constant',
  'id',
] as const satisfies readonly ColumnType[]

export interface Column {
  readonly name: string
  readonly type: ColumnType
  /** Of `categorical`, and the two of `boolean`, false first: in the order of their class numbers. */
  readonly categories?: readonly string[] | undefined
  /** The smallest and the largest number; generated ones stay between. Dates: milliseconds since 1970. */
  readonly range?: readonly [min: number, max: number] | undefined
  /** What a `constant` column holds. */
  readonly value?: string | number | boolean | undefined
  /** The share of empty cells, from 0 to 1. */
  readonly empty?: number | undefined
  /** Why it is of this type, in a sentence. */
  readonly explanation?: string | undefined
}

export interface TableSchema {
  readonly columns: readonly Column[]
}

const anyNumber = number('a finite number')
const text = (what: string) => instance<string>(what, (value) => typeof value === 'string')
const plain = instance<string | number | boolean>('a string, a number, true or false', (value) =>
  ['string', 'number', 'boolean'].includes(typeof value),
)
const column = options<Column>('a column { name, type, ... }', {
  name: text('the name of a column'),
  type: oneOf(columnTypes),
  categories: optional(list('an array of categories', text('a category'))),
  range: optional(list('[min, max]', anyNumber)) as Schema<Column['range']>,
  value: optional(plain),
  empty: optional(number('a number from 0 to 1', (n) => n >= 0 && n <= 1)),
  explanation: optional(text('a text')),
})

export const tableSchema: Schema<TableSchema> = options<TableSchema>('the schema of a table', {
  columns: list('an array of columns', column),
})

export function isTableSchema(value: unknown): value is TableSchema {
  return typeof value === 'object' && value !== null && 'columns' in value && Array.isArray(value.columns)
}
