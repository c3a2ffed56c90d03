/** A model as tables for readers. */

import type { NativeLayout } from './native.js'
import { elements } from './options/layout.js'

/** Rows of the batch whose training step's memory is told: what `fit` takes unless it is told otherwise. */
export const SUMMARY_BATCH = 128

/**
 * The layers (what each makes of a row, parameters, floating-point operations for a row), the tensors, and in the last
 * lines the totals. `trainingBytes`: what a training step with {@link SUMMARY_BATCH} rows takes.
 */
export function summarise({ layers, tensors }: NativeLayout, trainingBytes: number): string {
  const counted = tensors.map(({ name, shape }) => ({ name, shape, count: elements(shape) }))
  const parametersOf = (layer: string) =>
    counted.filter(({ name }) => name.slice(0, name.lastIndexOf('.')) === layer).reduce((sum, t) => sum + t.count, 0)
  // Of 100,000 layers a search for each would take minutes.
  const own = layers.length > 1000 ? undefined : parametersOf
  const total = counted.reduce((sum, { count }) => sum + count, 0)
  const operations = layers.reduce((sum, layer) => sum + layer.operations, 0)
  return [
    table(
      ['layer', 'type', 'output', 'parameters', 'FLOP per row'],
      layers.map(({ name, type, output, operations: own_ }) => [
        name,
        type,
        shapeText(output),
        own ? grouped(own(name)) : '',
        grouped(own_),
      ]),
      ['total', '', '', grouped(total), grouped(operations)],
    ),
    '',
    table(
      ['parameter', 'shape', 'count'],
      counted.map(({ name, shape, count }) => [name, shapeText(shape), grouped(count)]),
      ['total', '', grouped(total)],
    ),
    '',
    `A training step with ${SUMMARY_BATCH} rows takes ${(trainingBytes / 2 ** 20).toFixed(1)} MiB.`,
  ].join('\n')
}

/** Text on the left; of the last columns, those whose total is a number stand on the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[], foot: readonly string[]): string {
  const cells = [head, ...rows, foot]
  // Not Math.max(...), which cannot take 100,000 arguments.
  const widths = head.map((_, column) => cells.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0))
  const right = foot.map((text) => /^\d/.test(text))
  const lines = cells.map((row) =>
    row.map((text, i) => (right[i] ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0))).join('  '),
  )
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2))
  return [lines[0], rule, ...lines.slice(1, -1), rule, lines.at(-1)].join('\n')
}

function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

const format = new Intl.NumberFormat('en-US')

/** 318004 → '318,004' */
function grouped(count: number): string {
  return format.format(count)
}
