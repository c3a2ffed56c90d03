/** Rows of numbers, classes, dates and gaps, with what is known of their columns. */

import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { expected } from '../errors.js'
import { instance, list, oneOf, optional, options, parse } from '../schema.js'
import { type CellOptions, EMPTY } from './cells.js'
import { inferColumn } from './infer.js'
import type { TableRecord } from './plan.js'
import type { TableSchema } from './schema.js'

export interface TableOptions {
  /** Texts that stand for an empty cell, in any case. Default: '', NA, N/A, NaN, null, none and ?. */
  readonly empty?: readonly string[] | undefined
  /** The decimal mark of numbers. Default: '.'. */
  readonly decimal?: '.' | ',' | undefined
}

export interface ReadOptions extends TableOptions {
  /** What separates cells. Default: a tab in a file that ends in .tsv, with or without .gz; else a comma. */
  readonly delimiter?: string | undefined
}

const fields = {
  empty: optional(
    list(
      'an array of texts',
      instance<string>('a text', (value) => typeof value === 'string'),
    ),
  ),
  decimal: optional(oneOf(['.', ','])),
}
const tableOptions = options<TableOptions>('an object of options', fields)
const readOptions = options<ReadOptions>('an object of options', {
  ...fields,
  delimiter: optional(instance<string>('a text', (value) => typeof value === 'string' && value.length > 0)),
})

/**
 * A table: records, and a schema that says what their columns are. It is inferred; edit `schema` (it is plain JSON) and give
 * it to {@link Table.from} or to `new VAE({ input: schema })` to say otherwise.
 */
export class Table {
  private constructor(
    readonly records: readonly TableRecord[],
    readonly schema: TableSchema,
    /** @internal */
    readonly cells: CellOptions,
  ) {}

  /** How many rows there are. */
  get rows(): number {
    return this.records.length
  }

  /** @throws TypeError if `records` is no array of objects. */
  static from(records: readonly TableRecord[], given?: TableOptions & { readonly schema?: TableSchema }): Table {
    const { schema, ...rest } = given ?? {}
    const cells = cellOptions(parse(tableOptions, rest, 'Table.from'))
    if (!Array.isArray(records) || records.length === 0 || !records.every(isRecord)) {
      throw new TypeError(expected('an array of at least one record, each an object', 'records', records))
    }
    const names = [...new Set(records.flatMap((record) => Object.keys(record)))]
    const columns = () =>
      names.map((name) =>
        inferColumn(
          name,
          records.map((record) => record[name]),
          cells,
        ),
      )
    return new Table(records, schema ?? { columns: columns() }, cells)
  }

  /**
   * A table from a CSV or TSV file, which may be compressed (.gz). The first line names the columns.
   *
   * @throws TypeError or RangeError that names the file, the line and what is wrong; the error of a file that cannot be read.
   */
  static async read(path: string, given?: ReadOptions): Promise<Table> {
    const { delimiter = /\.tsv(\.gz)?$/i.test(path) ? '\t' : ',', ...rest } = parse(
      readOptions,
      given ?? {},
      'Table.read',
    )
    const { parse: parser } = await import('csv-parse')
    const file = createReadStream(path)
    const source = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
    if (source !== file) file.on('error', (error: Error) => source.destroy(error))
    const lines = source.pipe(parser({ bom: true, delimiter, skip_empty_lines: true }))
    source.on('error', (error: Error) => lines.destroy(error))
    let names: string[] | undefined
    const records: TableRecord[] = []
    try {
      for await (const line of lines as AsyncIterable<string[]>) {
        if (names === undefined) {
          names = line.map((name) => name.trim())
          const again = names.find((name, i) => names?.indexOf(name) !== i)
          if (again !== undefined) throw new RangeError(`column ${JSON.stringify(again)} stands there twice`)
          continue
        }
        records.push(Object.fromEntries(names.map((name, i) => [name, line[i]])))
      }
    } catch (error) {
      if (error instanceof Error && 'code' in error && !String(error.code).startsWith('CSV_')) throw error
      throw new RangeError(`${path}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
    if (names === undefined) throw new RangeError(`${path}: the file is empty`)
    if (records.length === 0) throw new RangeError(`${path}: no row follows the names of the columns`)
    return Table.from(records, rest)
  }

  /** A line for each column: its name, and why it is of its type. */
  toString(): string {
    const width = Math.max(...this.schema.columns.map(({ name }) => name.length))
    const lines = this.schema.columns.map(
      ({ name, type, explanation }) => `${name.padEnd(width)}  ${explanation ?? type}`,
    )
    return `${this.rows} rows\n${lines.join('\n')}`
  }
}

export const usualCells: CellOptions = cellOptions({})

function cellOptions({ empty = EMPTY, decimal = '.' }: TableOptions): CellOptions {
  return { empty: new Set(empty.map((text) => text.toLowerCase())), decimal }
}

/** A plain object that is no tensor. */
export function isRecord(value: unknown): value is TableRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return false
  return !('data' in value && 'shape' in value)
}
