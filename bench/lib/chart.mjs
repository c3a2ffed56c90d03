// Charts as SVG: what lossChart of the package draws with, which is Observable Plot and a frame around it.

import * as Plot from '@observablehq/plot'
// First, for it says what to do if the package is not built.
import 'aevb'

export const { COLOURS: distinct, svg } = await import('../../dist/plot/svg.js')

/** Colours for what is ordered, such as widths: dark is more. */
export function ordered(count) {
  const { apply } = Plot.scale({ color: { type: 'linear', scheme: 'viridis', domain: [0, 1] } })
  return Array.from({ length: count }, (_, i) => apply(0.85 - (0.7 * i) / Math.max(1, count - 1)))
}
