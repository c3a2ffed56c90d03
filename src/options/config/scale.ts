/** How a model scales its data: its type, its checks, and its translation into what the core takes. */

import { expected } from '../../errors.js'
import type { LikelihoodSpec, ModelSpec } from '../../native.js'
import { oneOf } from '../../schema.js'

/**
 * What happens to each column of the data on its way to the network, so that it sees numbers near 1 whatever their units.
 * The numbers that this takes are learned from the training rows of the first `fit`, never from those of the validation,
 * and stay with the model: tensors `scale.shift` and `scale.factor`, of which a factor of 0 means that nothing has been
 * learned yet, so that data pass as they are.
 *
 * - 'standard', for Gaussian and Laplace likelihoods, also as parts beside others, whose columns stay as they are: the model is one of (x − mean) / deviation of each column. Losses
 *   and scores stay densities of x in its own units, and what comes back (`decode`, `reconstruct`, `sample`) is in them.
 * - 'log', for multinomial and Poisson likelihoods: the encoder sees log(1 + x), centred; the likelihood is that of
 *   the counts. The decoder's biases begin at the logarithm of each column's mean rate.
 * - 'none': nothing.
 * - 'auto': 'log' for counts; for Gaussian and Laplace likelihoods 'standard', unless the data are pixels, which are left
 *   as they are: bytes, or numbers in [0, 1] of which the largest is at least 1/2 and each column that is not 0 throughout
 *   reaches 1/255. Other likelihoods have data in [0, 1] anyway.
 */
export type Scale = 'auto' | 'none' | 'standard' | 'log'

export const scaleSchema = oneOf(['auto', 'none', 'standard', 'log'] satisfies readonly Scale[])

export function scaleSpec(scale: Scale = 'auto', likelihoods: readonly LikelihoodSpec['type'][]): ModelSpec['scale'] {
  const kinds = likelihoods.map(kindOf)
  const [first = 'none'] = kinds
  // Beside other parts only numbers are scaled.
  const kind = kinds.length === 1 ? first : kinds.includes('standard') ? 'standard' : 'none'
  const likelihood = likelihoods.join("', '")
  if (scale === 'none' || (scale === 'auto' && kind === 'none')) return 'none'
  if (scale === 'auto') return kind === 'log' ? 'log' : 'auto'
  if (scale === kind) return scale
  const others = kind === 'none' ? "'auto' or 'none'" : `'auto', 'none' or '${kind}'`
  throw new RangeError(expected(`${others}, as the likelihood is '${likelihood}',`, 'scale', scale))
}

/** What the likelihood's data may need. */
function kindOf(likelihood: LikelihoodSpec['type']): 'standard' | 'log' | 'none' {
  switch (likelihood) {
    case 'gaussian':
    case 'laplace':
      return 'standard'
    case 'multinomial':
    case 'poisson':
      return 'log'
    default:
      return 'none'
  }
}
