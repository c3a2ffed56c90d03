/** What one cell of a table says. */

/** Texts that stand for an empty cell, in any case. */
export const EMPTY = ['', 'na', 'n/a', 'nan', 'null', 'none', '?'] as const

export type Cell = string | number | boolean | Date | null | undefined

export interface CellOptions {
  /** Texts that stand for an empty cell. */
  readonly empty: ReadonlySet<string>
  /** ',' in '1,5'. */
  readonly decimal: '.' | ','
}

export function isEmpty(cell: Cell, { empty }: CellOptions): boolean {
  if (cell === null || cell === undefined) return true
  if (typeof cell === 'number') return Number.isNaN(cell)
  return typeof cell === 'string' && empty.has(cell.trim().toLowerCase())
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const THOUSANDS = /^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$/
const CODE = /^0\d+$/

/**
 * The number that a cell holds, or undefined. '1,234.5' has thousands separators; '12%' is 0.12; '007' is a code and no
 * number; with `decimal: ','` '1.234,5' is 1234.5.
 */
export function numberOf(cell: Cell, { decimal }: CellOptions): number | undefined {
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : undefined
  if (typeof cell !== 'string') return undefined
  let text = cell.trim()
  const percent = text.endsWith('%')
  if (percent) text = text.slice(0, -1).trim()
  if (decimal === ',') text = text.replaceAll('.', '').replace(',', '.')
  else if (THOUSANDS.test(text)) text = text.replaceAll(',', '')
  if (CODE.test(text) || !NUMBER.test(text)) return undefined
  const value = Number(text)
  if (!Number.isFinite(value)) return undefined
  return percent ? value / 100 : value
}

const DATE = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/

/** Milliseconds since 1970 of a Date or a date in ISO form, or undefined. One without a zone is UTC. */
export function timeOf(cell: Cell): number | undefined {
  if (cell instanceof Date) return Number.isNaN(cell.getTime()) ? undefined : cell.getTime()
  if (typeof cell !== 'string') return undefined
  const text = cell.trim()
  if (!DATE.test(text)) return undefined
  const zoned = text.length === 10 || /(Z|[+-]\d{2}:?\d{2})$/.test(text) ? text : `${text}Z`
  const time = Date.parse(zoned.replace(' ', 'T'))
  return Number.isNaN(time) ? undefined : time
}

const TRUE = new Set(['true', 't', 'yes', 'y'])
const FALSE = new Set(['false', 'f', 'no', 'n'])

/** Whether a cell says yes or no by itself, as 'Yes' does. */
export function saysYesOrNo(cell: Cell): boolean {
  if (typeof cell === 'boolean') return true
  if (typeof cell !== 'string') return false
  const text = cell.trim().toLowerCase()
  return TRUE.has(text) || FALSE.has(text)
}

/** Whether it says yes. */
export function saysYes(text: string): boolean {
  return TRUE.has(text.trim().toLowerCase())
}

/** A cell as the name of a category. */
export function categoryOf(cell: Cell): string {
  return cell instanceof Date ? cell.toISOString() : String(cell).trim()
}
