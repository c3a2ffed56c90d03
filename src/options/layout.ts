/** What follows from a model's specification, before any memory is set aside for its parameters: worked out by the core. */

import { type ModelSpec, type NativeLayout, native } from '../native.js'

export type Layout = NativeLayout

export interface ParameterShape {
  readonly name: string
  readonly shape: readonly number[]
}

/** Throws a RangeError that names the layer whose shape does not fit. */
export function layoutOf(spec: ModelSpec): Layout {
  return native.layout(spec)
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}
