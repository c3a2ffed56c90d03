/** The one shape in which numbers come in and go out. */

/** Bytes (`Buffer` too) stand for the numbers 0, 1/255, ..., 1. */
export type FlatArray = Float32Array | Float64Array | Uint8Array | Uint8ClampedArray

/** Numbers in row-major order. */
export interface Tensor<Data extends FlatArray = FlatArray> {
  readonly data: Data
  /** The first dimension counts rows (examples). */
  readonly shape: readonly number[]
}
