/** What the encoder is shown in training: its type, its checks, and its translation into what the core takes. */

import type { ModelSpec } from '../../native.js'
import { byType, number, oneOf, options } from '../../schema.js'
import { amount } from './numbers.js'

/** x + std · N(0, I). */
export interface GaussianCorruption {
  readonly type: 'gaussian'
  /** Standard deviation in the data's unit, or in that of its scaled columns; above 0 and at most 1e12. */
  readonly std: number
}

/** Each feature is 0 with this probability. */
export interface MaskingCorruption {
  readonly type: 'masking'
  /** In (0, 1). */
  readonly probability: number
}

/** Each feature is replaced with this probability, by 0 or 1, either alike. */
export interface SaltAndPepperCorruption {
  readonly type: 'saltAndPepper'
  /** In (0, 1). */
  readonly probability: number
}

/**
 * In training the encoder sees a corrupted row, drawn anew in each step, and the likelihood's target stays clean (Vincent
 * et al. 2010, section 3.3; Im et al. 2017). Elsewhere nothing is corrupted.
 */
export type Corruption = GaussianCorruption | MaskingCorruption | SaltAndPepperCorruption

const probability = number('a number above 0 and below 1', (n) => n > 0 && n < 1)

export const corruptionSchema = byType<Corruption>("an object with the type 'gaussian', 'masking' or 'saltAndPepper'", {
  gaussian: options<GaussianCorruption>('a corruption', { type: oneOf(['gaussian']), std: amount }),
  masking: options<MaskingCorruption>('a corruption', { type: oneOf(['masking']), probability }),
  saltAndPepper: options<SaltAndPepperCorruption>('a corruption', { type: oneOf(['saltAndPepper']), probability }),
})

export function corruptionSpec(corruption: Corruption | undefined): ModelSpec['corruption'] {
  if (!corruption) return { type: 'none', amount: 0 }
  const { type } = corruption
  return { type, amount: type === 'gaussian' ? corruption.std : corruption.probability }
}
