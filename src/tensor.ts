/** The one shape in which numbers come in and go out. */

/** Numbers in row-major order. `Uint8Array` data stands for the numbers 0, 1/255, ..., 1. */
export interface Tensor<Data extends Float32Array | Uint8Array = Float32Array | Uint8Array> {
  readonly data: Data
  /** The first dimension counts rows (examples). */
  readonly shape: readonly number[]
}
