/** What does the numbers on this machine. */

import { translate } from './errors.js'
import { native } from './native.js'

export interface Backend {
  /** What computes matrix products: the package's own kernel or a CBLAS. */
  readonly gemm: 'builtin' | 'cblas'
  /** The version of that library. */
  readonly version: string
  /** The processor core that it is tuned for. */
  readonly core: string
  /** The instruction set of the package's own kernels. */
  readonly isa: string
  /** Whether `fit` takes `precision: 'bfloat16'`: the own kernel, on a processor with AVX512_BF16, does. */
  readonly bfloat16: boolean
  /** Threads that an operation uses by itself, at most. */
  readonly threads: number
}

/**
 * What does the numbers. `AEVB_GEMM=builtin|cblas` in the environment forces one.
 *
 * @throws VAEError 'NATIVE' if the environment asks for what this build or machine lacks.
 */
export function backend(): Backend {
  try {
    return native.backend()
  } catch (error) {
    throw translate(error)
  }
}
