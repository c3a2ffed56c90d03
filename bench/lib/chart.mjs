// Charts as SVG, with Vega-Lite as in src/plot/chart.ts. The background is white and opaque, so that a picture reads the
// same on a light page and on a dark one.

import * as vega from 'vega'
import { compile } from 'vega-lite'

/** For what is ordered, such as widths: dark is more. For what is not: told apart by colour-blind readers too. */
export const ordered = 'viridis'
export const distinct = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f', '#000000']

const config = {
  background: 'white',
  padding: 12,
  font: 'sans-serif',
  title: { anchor: 'start', fontSize: 14, subtitleFontSize: 11, subtitleColor: '#555', offset: 10, subtitlePadding: 4 },
  axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal', gridColor: '#e5e5e5', domainColor: '#888' },
  legend: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal', symbolStrokeWidth: 2 },
  header: { labelFontSize: 12, labelFontWeight: 'bold', title: null },
  view: { stroke: '#bbb' },
  line: { strokeWidth: 2 },
  point: { size: 45, filled: true, opacity: 1 },
}

/** The SVG of a Vega-Lite specification. It needs no canvas, so a text's width is an estimate. */
export async function svg(spec) {
  const view = new vega.View(vega.parse(compile({ ...spec, config }).spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}
