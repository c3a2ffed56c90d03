/** How the columns of a table become rows of numbers, and back. */

import { expected } from '../errors.js'
import type { LikelihoodPart } from '../options/config/likelihood.js'
import { type Cell, type CellOptions, categoryOf, isEmpty, numberOf, timeOf } from './cells.js'
import type { Column, TableSchema } from './schema.js'

/** A row of a table, by the names of its columns. */
export type TableRecord = Readonly<Record<string, Cell>>

/** The likelihoods in their order, and which types of columns are of each. */
const kinds = [
  { types: ['numeric', 'integer', 'datetime'], likelihood: { type: 'gaussian', variance: 'perFeature' } },
  { types: ['count'], likelihood: { type: 'poisson' } },
  { types: ['boolean'], likelihood: { type: 'bernoulli' } },
  { types: ['categorical'], likelihood: { type: 'categorical', coding: 'codes' } },
] as const

/** Milliseconds of a day, which is the unit of dates. */
const DAY = 86_400_000

export class TablePlan {
  /** The columns that the model is about, in the order of its numbers. */
  readonly columns: readonly Column[]
  readonly likelihood: readonly LikelihoodPart[]

  constructor(readonly schema: TableSchema) {
    const columns: Column[] = []
    const likelihood: LikelihoodPart[] = []
    for (const { types, likelihood: options } of kinds) {
      const own = schema.columns.filter(({ type }) => (types as readonly string[]).includes(type))
      if (own.length === 0) continue
      columns.push(...own)
      const classes = options.type === 'categorical' ? { classes: own.map(classCount) } : {}
      likelihood.push({ ...options, ...classes, columns: own.length } as LikelihoodPart)
    }
    if (columns.length === 0) {
      throw new RangeError(
        expected('a table with a column that is no id and no constant', 'input.columns', schema.columns),
      )
    }
    this.columns = columns
    this.likelihood = likelihood
  }

  /** [records, columns]: NaN for an empty cell, and for a category that the schema does not know. */
  encode(records: readonly TableRecord[], options: CellOptions, name: string): Float32Array<ArrayBuffer> {
    const width = this.columns.length
    const data = new Float32Array(records.length * width)
    for (const [c, column] of this.columns.entries()) {
      const codes = new Map(column.categories?.map((category, i) => [category, i]))
      for (const [row, record] of records.entries()) {
        data[row * width + c] = numberFor(column, record[column.name], codes, options, `${name}[${row}].${column.name}`)
      }
    }
    return data
  }

  /** Throws unless each cell of `given` is one that a record of this table may have. */
  checkGiven(given: TableRecord, options: CellOptions, name: string): void {
    for (const [key, cell] of Object.entries(given)) {
      const place = `${name}.${key}`
      const column = this.schema.columns.find((each) => each.name === key)
      if (!column || column.type === 'id') {
        const names = this.columns.map((each) => each.name).join(', ')
        throw new RangeError(expected(`a column of the model: ${names}`, name, key))
      }
      if (isEmpty(cell, options)) throw new TypeError(expected('a cell that is not empty', place, cell))
      if (column.type === 'constant') {
        if (categoryOf(cell) === categoryOf(column.value)) continue
        throw new RangeError(expected(`${column.value}, which every row has,`, place, cell))
      }
      const codes = new Map(column.categories?.map((category, i) => [category, i]))
      if (Number.isNaN(numberFor(column, cell, codes, options, place))) {
        throw new RangeError(expected(`one of ${column.categories?.join(', ')}`, place, cell))
      }
    }
  }

  /** The record with the cells of `given` that are not empty, numbers as such. */
  withGiven(record: Record<string, Cell>, given: TableRecord, options: CellOptions): Record<string, Cell> {
    const cells = this.schema.columns.map(({ name, type, categories }): [string, Cell] => {
      const cell = given[name]
      if (isEmpty(cell, options)) return [name, record[name]]
      if (type === 'numeric' || type === 'integer' || type === 'count') return [name, numberOf(cell, options)]
      const unseen = categories !== undefined && typeof cell === 'string' && !categories.includes(cell.trim())
      return [name, unseen ? record[name] : cell]
    })
    return Object.fromEntries(cells)
  }

  /** Rows as `encode` makes them from draws of p(x|z), whose classes are one-hot. */
  codes(draws: Float32Array, rows: number): Float32Array<ArrayBuffer> {
    const width = this.columns.length
    const features = draws.length / rows
    const data = new Float32Array(rows * width)
    for (let row = 0; row < rows; row++) {
      let at = row * features
      for (const [c, column] of this.columns.entries()) {
        const classes = column.type === 'categorical' ? classCount(column) : 1
        const own = draws.subarray(at, at + classes)
        data[row * width + c] = classes === 1 ? (own[0] as number) : own.indexOf(Math.max(...own))
        at += classes
      }
    }
    return data
  }

  /** The records of rows of numbers as `encode` makes them, with constants and without ids. */
  decode(data: Float32Array, rows: number): Record<string, Cell>[] {
    const width = this.columns.length
    const place = new Map(this.columns.map((column, c) => [column.name, c]))
    return Array.from({ length: rows }, (_, row) => {
      const cells = this.schema.columns.map((column): [string, Cell] => {
        const c = place.get(column.name)
        if (c === undefined) return [column.name, column.type === 'constant' ? column.value : null]
        return [column.name, cellFor(column, data[row * width + c] as number)]
      })
      return Object.fromEntries(cells)
    })
  }
}

function classCount({ categories = [] }: Column): number {
  return Math.max(categories.length, 2)
}

function numberFor(
  column: Column,
  cell: Cell,
  codes: ReadonlyMap<string, number>,
  options: CellOptions,
  name: string,
): number {
  if (isEmpty(cell, options)) return Number.NaN
  switch (column.type) {
    case 'boolean': {
      const [no = 'false', yes = 'true'] = column.categories ?? []
      const text = typeof cell === 'boolean' ? (cell ? yes : no) : categoryOf(cell)
      return codes.get(text) ?? Number.NaN
    }
    case 'categorical':
      return codes.get(categoryOf(cell)) ?? Number.NaN
    case 'datetime': {
      const time = timeOf(cell)
      if (time === undefined) throw new TypeError(expected('a date in ISO form', name, cell))
      return time / DAY
    }
    default: {
      const value = numberOf(cell, options)
      if (value === undefined) throw new TypeError(expected('a number', name, cell))
      return value
    }
  }
}

function cellFor(column: Column, value: number): Cell {
  const [least, largest] = column.range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const within = (x: number) => Math.min(Math.max(x, least), largest)
  switch (column.type) {
    case 'boolean': {
      const [no = 'false', yes = 'true'] = column.categories ?? []
      return value > 0.5 ? yes : no
    }
    case 'categorical':
      return column.categories?.[value] ?? null
    case 'datetime': {
      const iso = new Date(within(value * DAY)).toISOString()
      // Whole days in the data come back as such.
      return least % DAY === 0 && largest % DAY === 0 ? iso.slice(0, 10) : iso
    }
    case 'count':
    case 'integer':
      return within(Math.round(value))
    default:
      return within(value)
  }
}
