/** A model as a table for readers. */

import { elements, type ParameterShape } from './options/layout.js'

/** One line a tensor, and the total: name, shape, number of parameters. */
export function summarise(table: readonly ParameterShape[]): string {
  const sizes = table.map(({ shape }) => elements(shape))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const rows = table.map(({ name, shape }, i) => [name, `[${shape.join(', ')}]`, grouped(sizes[i] as number)])
  const cells = [['parameter', 'shape', 'count'], ...rows, ['total', '', grouped(total)]] as [string, string, string][]
  // Not Math.max(...), which has no room for the arguments of 100,000 layers.
  const widths = [0, 1, 2].map((column) =>
    cells.reduce((width, row) => Math.max(width, (row[column] as string).length), 0),
  )
  const [name = 0, shape = 0, count = 0] = widths
  const lines = cells.map((row) => `${row[0].padEnd(name)}  ${row[1].padEnd(shape)}  ${row[2].padStart(count)}`)
  const rule = '─'.repeat(name + shape + count + 4)
  return [lines[0], rule, ...lines.slice(1, -1), rule, lines.at(-1)].join('\n')
}

const format = new Intl.NumberFormat('en-US')

/** 318004 → '318,004' */
function grouped(count: number): string {
  return format.format(count)
}
