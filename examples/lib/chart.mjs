// Charts as SVG: what lossChart of the package draws with, which is Observable Plot and a frame around it.

// First, for it says what to do if the package is not built.
import 'aevb'

export const { COLOURS: colours, svg } = await import('../../dist/plot/svg.js')
