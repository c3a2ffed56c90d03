/** docs/models.md states for each choice its source and when to take it, and lists the sources. */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const page = readFileSync(new URL('../docs/models.md', import.meta.url), 'utf8')
const [choices, references] = page.split('\n## References\n') as [string, string]

const cellsOf = (line: string) => line.split(/(?<!\\)\|/).map((cell) => cell.trim())
const isRow = (line: string | undefined) => line?.startsWith('|') ?? false

/** The rows of every table with a column of sources, by their columns' names. */
const lines = choices.split('\n')
const rows = lines.flatMap((line, i) => {
  if (!isRow(line) || isRow(lines[i - 1]) || !cellsOf(line).includes('source')) return []
  const names = cellsOf(line)
  const end = lines.findIndex((other, j) => j > i && !isRow(other))
  return lines.slice(i + 2, end).map((row) => Object.fromEntries(cellsOf(row).map((cell, j) => [names[j], cell])))
})

describe('docs/models.md', () => {
  test('gives each choice a source, and states when to take it', () => {
    expect(rows.length).toBeGreaterThan(40)
    const lacking = rows.filter((row) => row.source === '' || row.when === '')
    expect(lacking).toEqual([])
  })

  test('lists what it cites', () => {
    const cited = choices.matchAll(
      /(?<![\p{L}-])(\p{Lu}[\p{L}-]+)(?: et al\.|(?:,[^,()|]+)? and \p{Lu}[\p{L}]+)? (\d{4})\b/gu,
    )
    const known = references.replaceAll('\n  ', ' ').split('\n- ')
    const missing = [...cited].filter(
      ([, name, year]) =>
        !known.some((entry) => entry.replace('- ', '').startsWith(`${name}`) && entry.includes(`(${year})`)),
    )
    expect(missing.map(([text]) => text)).toEqual([])
  })
})
