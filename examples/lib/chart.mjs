// Charts as SVG, with Vega-Lite, which aevb depends on. The background is white and opaque, so that a picture reads the
// same on a light page and on a dark one.

import * as vega from 'vega'
import { compile } from 'vega-lite'

/** Ten colours for ten digits, or fewer for as many curves. */
export const colours = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#7f7f7f',
  '#000000',
  '#9467bd',
  '#8c564b',
]

const config = {
  background: 'white',
  padding: 12,
  font: 'sans-serif',
  title: { anchor: 'start', fontSize: 13 },
  axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal', gridColor: '#e5e5e5', domainColor: '#888' },
  legend: { labelFontSize: 11, titleFontSize: 12, labelLimit: 300 },
  view: { stroke: '#bbb' },
}

/** The SVG of a Vega-Lite specification. */
export async function svg(spec) {
  const view = new vega.View(vega.parse(compile({ ...spec, config }).spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}
