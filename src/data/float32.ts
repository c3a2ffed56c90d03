/** Numbers that float32, which the core computes with, cannot hold. */

import { types } from 'node:util'
import { expected } from '../errors.js'
import type { FlatMatrix } from './matrix.js'

const LARGEST = 3.4028234663852886e38

/**
 * Throws a RangeError that names the first finite cell of the source which rounds to an infinite float32: once it has
 * been rounded, nothing tells the two apart. `matrix` is what became of the source.
 */
export function refuseTooLarge(source: unknown, { data, columns }: FlatMatrix, name: string): void {
  if (!types.isFloat64Array(data) && !Array.isArray(source)) return
  for (let i = 0; i < data.length; i++) {
    if (!(Math.abs(data[i] as number) > LARGEST)) continue
    const [row, column] = [Math.floor(i / columns), i % columns]
    const cell: unknown = Array.isArray(source) ? source[row][column] : data[i]
    if (!Number.isFinite(cell) || Number.isFinite(Math.fround(cell as number))) continue
    const what = `a number within ±${LARGEST.toPrecision(3)}, the range of float32,`
    throw new RangeError(expected(what, `${name} (row ${row}, column ${column})`, cell))
  }
}
