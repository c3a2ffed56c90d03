// Charts as SVG: what lossChart of the package draws with, which is Observable Plot and a frame around it.

export { COLOURS as colours, svg } from '../../dist/plot/svg.js'
