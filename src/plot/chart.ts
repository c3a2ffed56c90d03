/** Charts, as SVG. */

import type { TopLevelSpec } from 'vega-lite'
import type { History } from '../training/callbacks.js'

/**
 * An SVG of the loss over the epochs, and of the validation's where there is one. `others` are further curves by name,
 * one value an epoch from epoch 1 on, such as the losses of another program.
 */
export async function lossChart(
  history: History,
  others: Readonly<Record<string, readonly number[]>> = {},
): Promise<string> {
  const curves: [string, [number, number][]][] = [
    ['training', history.epochs.map(({ epoch, loss }) => [epoch, loss])],
    ['validation', history.epochs.flatMap(({ epoch, validation }) => (validation ? [[epoch, validation.loss]] : []))],
    ...Object.entries(others).map(([name, losses]): [string, [number, number][]] => [
      name,
      losses.map((loss, i) => [i + 1, loss]),
    ]),
  ]
  const values = curves.flatMap(([curve, points]) => points.map(([epoch, loss]) => ({ curve, epoch, loss })))
  return render({
    data: { values },
    width: 480,
    height: 300,
    background: 'white',
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'epoch',
        type: 'quantitative',
        title: 'epoch',
        axis: { tickMinStep: 1, format: 'd' },
        scale: { nice: false },
      },
      y: { field: 'loss', type: 'quantitative', title: 'loss, nats per example', scale: { zero: false } },
      color: { field: 'curve', type: 'nominal', title: null, sort: curves.map(([name]) => name) },
    },
  })
}

/** Vega is large, so it is loaded where a chart is drawn. It needs no canvas for SVG. */
async function render(spec: TopLevelSpec): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')])
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}
