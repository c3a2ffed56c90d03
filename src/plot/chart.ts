/** Charts, as SVG. */

import type { TopLevelSpec } from 'vega-lite'
import { expected } from '../errors.js'
import type { History } from '../history.js'
import {
  atLeast,
  instance,
  list,
  number,
  optional,
  options,
  parse,
  pick,
  record,
  type Schema,
} from '../options/schema.js'

const loss = number('a finite number')
/** What a chart needs of a {@link History}. */
interface Curve {
  readonly epochs: readonly { epoch: number; loss: number; validation?: { loss: number } | undefined }[]
}
const infinite = instance<number>('Infinity', (value) => value === Number.POSITIVE_INFINITY)
const losses = atLeast<{ loss: number }>('an object with a loss', {
  // `fit` itself records such a loss of validation rows, though never of training.
  loss: pick((input) => (input === Number.POSITIVE_INFINITY ? infinite : loss)) as Schema<number>,
})
const epoch = atLeast<Curve['epochs'][number]>("an epoch's record", {
  epoch: number('a finite number'),
  loss,
  validation: optional(losses),
})
const schema = options<{ history: Curve; others: Readonly<Record<string, readonly number[]>> }>('arguments', {
  history: atLeast<Curve>('a History', { epochs: list("an array of epochs' records", epoch) }),
  others: record('an object of arrays of numbers', list('an array of numbers', loss)),
})
/** The curves of the history itself. */
const OWN = ['training', 'validation']

/**
 * An SVG of the loss over the epochs, and of the validation's where there is one. `others` are further curves by name,
 * one value an epoch from epoch 1 on, such as the losses of another program. A validation loss of Infinity has no point.
 *
 * @throws TypeError or RangeError that names what is wrong with an argument.
 */
export async function lossChart(
  history: History,
  others: Readonly<Record<string, readonly number[]>> = {},
): Promise<string> {
  parse(schema, { history, others }, 'lossChart')
  const taken = OWN.find((name) => Object.hasOwn(others, name))
  if (taken) throw new RangeError(expected(`other names than ${OWN.join(' and ')}`, 'others', taken))
  const curves: [string, [number, number][]][] = [
    ['training', history.epochs.map(({ epoch, loss }) => [epoch, loss])],
    [
      'validation',
      history.epochs.flatMap(({ epoch, validation }) =>
        validation && Number.isFinite(validation.loss) ? [[epoch, validation.loss]] : [],
      ),
    ],
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
