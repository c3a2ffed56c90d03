/** The shape of a row of data that is an image. */

import type { ModelSpec } from '../../native.js'
import type { Likelihood } from './likelihood.js'

/**
 * Channels and one to three spatial sizes; other shapes are rows of numbers. Codes of one channel become as many channels
 * as there are classes, one-hot at each position; other categories have no shape, and several likelihoods have none.
 */
export function imageSpec(
  input: number | readonly number[] = 784,
  likelihood: Likelihood | undefined,
): ModelSpec['image'] {
  const [channels = 0, ...spatial] = typeof input === 'number' ? [] : input
  const none = { channels: 0, extent: [1, 1, 1], dimensions: 0, positionsFirst: false } as const
  if (!likelihood || spatial.length === 0 || spatial.length > 3) return none
  const [depth = 1, height = 1, width = 1] = [...new Array<number>(3 - spatial.length).fill(1), ...spatial]
  const shape = { extent: [depth, height, width], dimensions: spatial.length } as const
  if (likelihood.type !== 'categorical') return { channels, ...shape, positionsFirst: false }
  const { classes, coding } = likelihood
  if (coding !== 'codes' || typeof classes !== 'number' || channels !== 1) return none
  return { channels: classes, ...shape, positionsFirst: true }
}
