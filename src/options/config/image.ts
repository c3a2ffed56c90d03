/** The shape of a row of data that is an image. */

import type { ModelSpec } from '../../native.js'

/** Channels and one to three spatial sizes; other shapes are rows of numbers. */
export function imageSpec(input: number | readonly number[] = 784): ModelSpec['image'] {
  const [channels = 0, ...spatial] = typeof input === 'number' ? [] : input
  if (spatial.length === 0 || spatial.length > 3) return { channels: 0, extent: [1, 1, 1], dimensions: 0 }
  const [depth = 1, height = 1, width = 1] = [...new Array<number>(3 - spatial.length).fill(1), ...spatial]
  return { channels, extent: [depth, height, width], dimensions: spatial.length }
}
