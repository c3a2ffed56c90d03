/** Charts, as SVG. */

import { nice, ticks } from 'd3-array'
import { expected } from '../errors.js'
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
import type { History } from '../training/callbacks.js'
import { type Chart, COLOURS, type Plot, svg, xmlText } from './svg.js'

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
  const curves = [
    {
      name: 'training',
      points: history.epochs.map(({ epoch, loss }) => ({ epoch, loss })),
    },
    {
      name: 'validation',
      points: history.epochs.flatMap(({ epoch, validation }) =>
        validation ? [{ epoch, loss: finiteOrNaN(validation.loss) }] : [],
      ),
    },
    ...Object.entries(others).map(([name, losses]) => ({
      name,
      points: losses.map((loss, i) => ({ epoch: i + 1, loss })),
    })),
  ].filter(({ points }) => points.length > 0)
  return svg({
    charts: (plot) => [lossesByEpoch(plot, curves)],
    keys: curves.map(({ name }, i) => ({ name, colour: colour(i), mark: 'line and dot' })),
  })
}

interface NamedCurve {
  readonly name: string
  readonly points: readonly { readonly epoch: number; readonly loss: number }[]
}

function lossesByEpoch(plot: Plot, curves: readonly NamedCurve[]): Chart {
  const points = curves.flatMap(({ points }) => points).filter(({ loss }) => Number.isFinite(loss))
  const epochs = extent(points.map(({ epoch }) => epoch))
  const losses = nice(...extent(points.map(({ loss }) => loss)), TICKS)
  const lossTicks = ticks(...losses, TICKS)
  const most = Math.max(...curves.map(({ points }) => points.length))
  const marginLeft = 20 + LETTER * Math.max(...lossTicks.map((tick) => decimal(tick).length), 3)
  return {
    width: marginLeft + 500,
    height: 350,
    marginLeft,
    marginBottom: 40,
    inset: 6,
    x: {
      label: 'epoch',
      labelAnchor: 'center',
      labelArrow: 'none',
      domain: epochs,
      ticks: ticks(...epochs, TICKS).filter(Number.isInteger),
      tickFormat: decimal,
      grid: true,
    },
    y: {
      label: 'loss, nats per example',
      labelArrow: 'none',
      domain: losses,
      clamp: true,
      ticks: lossTicks,
      tickFormat: decimal,
      grid: true,
    },
    marks: [
      plot.frame({ stroke: '#bbb' }),
      ...curves.flatMap(({ name, points }, i) => [
        plot.line(points, { x: 'epoch', y: 'loss', stroke: colour(i), strokeWidth: 2 }),
        plot.dot(points, {
          x: 'epoch',
          y: 'loss',
          fill: colour(i),
          // No wider than the line where they would hide it.
          r: most > MOST_DOTS ? 1 : 3,
          title: ({ epoch, loss }) => `${xmlText(name)}, epoch ${epoch}: ${loss}`,
        }),
      ]),
    ],
  }
}

/** About so many, on an axis. */
const TICKS = 8
/** Pixels of a digit. */
const LETTER = 7
const MOST_DOTS = 60

/** NaN breaks a line and has no point. */
function finiteOrNaN(loss: number): number {
  return Number.isFinite(loss) ? loss : Number.NaN
}

function colour(i: number): string {
  return COLOURS[i % COLOURS.length] as string
}

/** An axis goes no further, so that its length and its round ends are finite; a point beyond it stands at its end. */
const FURTHEST = Number.MAX_VALUE / 4

/** The least and the greatest; around a single value something more, so that there is an axis with round numbers. */
function extent(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1]
  const within = values.map((value) => Math.max(-FURTHEST, Math.min(value, FURTHEST)))
  const least = within.reduce((a, b) => Math.min(a, b))
  const greatest = within.reduce((a, b) => Math.max(a, b))
  const margin = least === greatest ? Math.max(0.5, Math.abs(least) / 100) : 0
  return [least - margin, greatest + margin]
}

/** A tick without the last digits, which are rounding's. */
function decimal(value: number): string {
  return String(Number(value.toPrecision(12)))
}
