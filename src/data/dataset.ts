/// <reference lib="esnext.disposable" preserve="true" />
/** Rows that the core owns: copied once, used by as many calls as one likes. */

import { inspect } from 'node:util'
import { disposed, expected, translate } from '../errors.js'
import { run, translated } from '../jobs.js'
import type { DomainName } from '../names.js'
import { type BadCell, type LikelihoodSpec, type NativeDataset, native } from '../native.js'
import { integer, optional, options, parse, positiveInteger } from '../schema.js'
import type { TableRecord } from '../table/plan.js'
import type { Table } from '../table/table.js'
import type { FlatArray } from '../tensor.js'
import { refuseCloning } from '../uncloneable.js'
import { refuseTooLarge } from './float32.js'
import { flatten, isByteArray, type Matrix } from './matrix.js'

/** Whatever a method takes as rows of data; tables and records by a model whose `input` is a table's schema. */
export type MatrixLike = Matrix | Dataset | Table | TableRecord | readonly TableRecord[]

/** What the cells of some columns may be; 'oneHot' and 'codes' go by the classes of each variable. */
export interface DomainPart {
  readonly type: DomainName
  readonly classes: readonly number[]
  readonly columns: number
  /** Whether NaN is a missing cell. */
  readonly missing?: boolean | undefined
  /** Which likelihood has the domain, for a message. */
  readonly likelihood?: LikelihoodSpec['type'] | undefined
}

/** What the cells of a row may be: its columns from the first to the last, part by part. */
export type Domain = readonly DomainPart[]

/** Any finite number. */
export const real = (columns: number): Domain => [{ type: 'real', classes: [], columns }]

const cannotClone = Symbol('A Dataset, whose rows are in memory of the core: post what it was made from')

const schema = options<{ columns?: number | undefined }>('an object of options', {
  columns: optional(positiveInteger()),
})

/** What the methods of a model take. */
const forms = 'a Tensor, a typed array of numbers, number[][], an array of typed arrays or a Dataset'

/** What is inside a Dataset, for those in this package who may know. */
class Held {
  constructor(
    readonly native: NativeDataset,
    /** Whether it came as uint8, which stands for 0, 1/255, ..., 1. */
    readonly bytes: boolean,
    /** Domains that every cell is known to lie in, by their keys. */
    readonly checked: Set<string>,
  ) {}

  static copy(source: unknown, name: string, width?: number, what?: string): Held {
    const matrix = flatten(source, name, width, what)
    refuseTooLarge(source, matrix, name)
    const { data, columns } = matrix
    try {
      return new Held(new native.Dataset(data, columns), isByteArray(data), new Set())
    } catch (error) {
      throw translate(error)
    }
  }
}

let heldBy: (dataset: Dataset) => Held
let isOwn: (value: object) => boolean

/** Where a Dataset of another copy of this module, which a test runner may load for each file, gives what it holds. */
const heldKey = Symbol.for('aevb.Dataset')

/**
 * A matrix held by the core, so that many calls share one copy and one check of its cells. What it was made from may
 * change or vanish afterwards.
 */
export class Dataset {
  /** Until it is disposed of. */
  #kept: Held | undefined

  static {
    heldBy = (dataset) => dataset.#held
    isOwn = (value) => #kept in value
    Object.defineProperty(Dataset.prototype, heldKey, {
      get(this: Dataset): Held {
        return this.#held
      },
    })
    // Not a method, whose name would make the package's types those of Node's.
    Object.defineProperty(Dataset.prototype, inspect.custom, {
      value(this: Dataset): string {
        if (!this.#kept) return 'Dataset, disposed of'
        return `Dataset of ${counted(this.rows, 'row')} × ${counted(this.columns, 'column')}`
      },
    })
  }

  /**
   * Copies `data`. A typed array needs `columns`, the numbers of a row; the other forms know it themselves.
   *
   * @throws TypeError or RangeError for what is no matrix.
   */
  constructor(data: Matrix, passed: { readonly columns?: number | undefined } = {}) {
    // `slice` and `asDataset` hand over what they hold already.
    this.#kept =
      (data as unknown) instanceof Held
        ? (data as unknown as Held)
        : Held.copy(data, 'data', parse(schema, passed, 'Dataset').columns)
    refuseCloning(this, cannotClone)
  }

  /**
   * Gives the memory back at once, before the garbage collector does, unless a slice of it or a call that is
   * under way needs it: then when the last of them has ended. A call that comes to the rows only later, as each epoch of a
   * `fit` does, rejects with a VAEError of code 'DISPOSED', and so does every use of this from then on. Does nothing the
   * second time. `using data = new Dataset(…)` calls it at the end of the block.
   */
  dispose(): void {
    this.#kept?.native.dispose()
    this.#kept = undefined
  }

  /** The same as {@link Dataset.dispose}. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  get #held(): Held {
    if (!this.#kept) throw disposed('Dataset')
    return this.#kept
  }

  /** How many rows there are. */
  get rows(): number {
    return this.#held.native.rows
  }

  /** How many numbers each row has. */
  get columns(): number {
    return this.#held.native.columns
  }

  /** Rows [from, to), counted from 0, of the same memory: nothing is copied. */
  slice(from: number, to: number = this.rows): Dataset {
    parse(integer(`an integer from 0 to ${this.rows - 1}`, 0, this.rows - 1), from, 'from')
    parse(integer(`an integer from ${from + 1} to ${this.rows}`, from + 1, this.rows), to, 'to')
    const { native, bytes, checked } = this.#held
    const part = translated(() => native.slice(from, to))
    return wrap(new Held(part, bytes, new Set(checked)))
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function wrap(held: Held): Dataset {
  return new Dataset(held as unknown as Matrix)
}

/** The Dataset that `value` is, also if another copy of this module made it. */
export function datasetOf(value: unknown): Dataset | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (isOwn(value)) return value as Dataset
  const held = (value as { [heldKey]?: Held })[heldKey]
  if (held === undefined || !(held.native instanceof native.Dataset)) return undefined
  return wrap(new Held(held.native, held.bytes, held.checked))
}

/** The rows of `value`, each of `columns` numbers. `name` is the argument's, and `what` the forms that it may have. */
export function asDataset(value: unknown, name: string, columns: number, what = forms): Dataset {
  const dataset = datasetOf(value)
  if (!dataset) return wrap(Held.copy(value, name, columns, what))
  if (dataset.columns !== columns) {
    throw new RangeError(expected(`rows of ${columns} numbers`, `${name}.columns`, dataset.columns))
  }
  return dataset
}

/** The core's rows, once every cell is known to lie in the domain. Throws a RangeError that names the first that does not. */
export async function checkedRows(
  dataset: Dataset,
  name: string,
  domain: Domain,
  signal: AbortSignal | undefined,
): Promise<NativeDataset> {
  const { native, checked } = heldBy(dataset)
  if (!checked.has(keyOf(domain))) {
    const bad: (BadCell | null)[] = []
    for (const { type, classes, columns, first, missing = false } of placed(domain)) {
      bad.push(await run(() => native.check(type, classes, first, columns, missing), signal))
    }
    refuseBadCell(firstOf(bad), name, domain)
    remember(checked, domain)
  }
  return native
}

/** Rows as they are, for a call that is over before anything can change them. */
export interface RowsNow {
  readonly native: NativeDataset | FlatArray
  readonly rows: number
}

/**
 * The rows of `value`, each of `columns` numbers, on the calling thread. The cells of a Dataset are checked, those of
 * anything else are not: a native Dataset made for them would cost as much as encoding a row.
 */
export function rowsNow(value: unknown, name: string, columns: number, domain: Domain, what = forms): RowsNow {
  if (!datasetOf(value)) {
    const matrix = flatten(value, name, columns, what)
    refuseTooLarge(value, matrix, name)
    return { native: matrix.data, rows: matrix.rows }
  }
  const native = checkedRowsNow(asDataset(value, name, columns), name, domain)
  return { native, rows: native.rows }
}

/** The same as {@link checkedRows}, on the calling thread. */
export function checkedRowsNow(dataset: Dataset, name: string, domain: Domain): NativeDataset {
  const { native, checked } = heldBy(dataset)
  if (!checked.has(keyOf(domain))) {
    const bad = placed(domain).map(({ type, classes, columns, first, missing = false }) =>
      translated(() => native.checkNow(type, classes, first, columns, missing)),
    )
    refuseBadCell(firstOf(bad), name, domain)
    remember(checked, domain)
  }
  return native
}

const cells: Readonly<Record<Exclude<DomainName, 'codes' | 'unit'>, string>> = {
  real: 'a finite number',
  counts: 'a count, which is a whole number of at least 0,',
  oneHot: 'a single 1 and else 0 among the columns of each variable',
}

/** The parts with their first columns. */
function placed(domain: Domain): readonly (DomainPart & { readonly first: number })[] {
  let first = 0
  return domain.map((part) => {
    const at = { ...part, first }
    first += part.columns
    return at
  })
}

/** The first of these in the order of rows, each the first of its part. */
function firstOf(cells: readonly (BadCell | null)[]): BadCell | null {
  return cells.reduce((best, cell) => (cell && (!best || cell.row < best.row) ? cell : best), null)
}

function cellOf(domain: Domain, column: number): string {
  const part = placed(domain).find(({ first, columns }) => column < first + columns)
  if (!part) throw new RangeError(`no column ${column}`)
  const { type, classes, likelihood, first } = part
  switch (type) {
    case 'codes':
      return `a class number, which is a whole number from 0 to ${(classes[column - first] ?? 0) - 1},`
    case 'unit':
      return `a number from 0 to 1, as the likelihood '${likelihood}' needs,`
    default:
      return cells[type]
  }
}

/** Throws a RangeError for what the core has found. */
export function refuseBadCell(cell: BadCell | null, name: string, domain: Domain): void {
  if (!cell) return
  const where = `${name} (row ${cell.row}, column ${cell.column})`
  throw new RangeError(expected(cellOf(domain, cell.column), where, cell.value))
}

function keyOf(domain: Domain): string {
  return domain
    .map(({ type, classes, columns, missing = false }) => `${type} ${columns} ${missing} ${classes.join()}`)
    .join(';')
}

function remember(checked: Set<string>, domain: Domain): void {
  checked.add(keyOf(domain))
  checked.add(keyOf(domain.map((part) => (part.type === 'unit' ? { ...part, type: 'real' } : part))))
}

/** Whether the rows came as bytes, which stand for pixels and nothing else. */
export function isBytes(dataset: Dataset): boolean {
  return heldBy(dataset).bytes
}
