/** What type each column of a table has, from its cells. */

import { type Cell, type CellOptions, categoryOf, isEmpty, numberOf, saysYes, saysYesOrNo, timeOf } from './cells.js'
import type { Column } from './schema.js'

/** Texts of more different values than this are names or free text, which say nothing about other rows. */
const MOST_CATEGORIES = 100
/** Whole numbers with so few different values name classes. */
const FEW = 10
/** Whole numbers of at least 0 with a mean below this are counts. */
const COUNT_MEAN = 30

export function inferColumn(name: string, cells: readonly Cell[], options: CellOptions): Column {
  const full = cells.filter((cell) => !isEmpty(cell, options))
  const missing = cells.length - full.length
  const empty = cells.length === 0 ? 0 : missing / cells.length
  const different = new Set(full.map(categoryOf))
  const count = (n: number) => n.toLocaleString('en-US')
  const prefix = missing === 0 ? '' : `${count(missing)} of ${count(cells.length)} empty; `
  const because = (why: string, type: string) => `${prefix}${why}: ${type}`
  const column = (type: Column['type'], why: string, more: Partial<Column> = {}): Column => ({
    name,
    type,
    ...more,
    empty,
    explanation: because(why, type),
  })
  const values = `${count(different.size)} different value${different.size === 1 ? '' : 's'}`
  if (full.length === 0) return column('id', 'no value at all')
  if (different.size === 1 && missing === 0) {
    const [only] = full
    return column('constant', 'one value', { value: only instanceof Date ? only.toISOString() : (only as string) })
  }
  if (full.every(saysYesOrNo)) {
    const [no = 'false', yes = 'true'] = [...different].sort((a, b) => Number(saysYes(a)) - Number(saysYes(b)))
    return column('boolean', 'yes and no', { categories: [no, yes] })
  }
  const numbers = full.map((cell) => numberOf(cell, options))
  if (numbers.every((value) => value !== undefined)) {
    const range = rangeOf(numbers as number[])
    const whole = numbers.every(Number.isInteger)
    if (!whole) return column('numeric', 'numbers', { range })
    if (different.size === 2 && range[0] === 0 && range[1] === 1) {
      return column('boolean', '0 and 1', { categories: ['0', '1'] })
    }
    if (different.size === full.length && full.length > FEW && range[1] - range[0] === full.length - 1) {
      return column('id', 'a number for each row, one after another')
    }
    const mean = (numbers as number[]).reduce((sum, value) => sum + value, 0) / numbers.length
    if (range[0] >= 0 && mean < COUNT_MEAN) return column('count', 'whole numbers of at least 0', { range })
    return column('integer', 'whole numbers', { range })
  }
  const times = full.map(timeOf)
  if (times.every((time) => time !== undefined))
    return column('datetime', 'dates', { range: rangeOf(times as number[]) })
  if (different.size <= MOST_CATEGORIES && different.size < Math.max(full.length, 3)) {
    return column('categorical', values, { categories: [...different].sort() })
  }
  return column('id', values)
}

function rangeOf(values: readonly number[]): [number, number] {
  let [least, largest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    least = Math.min(least, value)
    largest = Math.max(largest, value)
  }
  return [least, largest]
}
