/** The curves of losses over epochs, drawn. */

import { nice, ticks } from 'd3-array'
import { type Chart, COLOURS, type Plot, svg, xmlText } from './svg.js'

/** A loss of NaN has no point. */
export interface NamedCurve {
  readonly name: string
  readonly points: readonly { readonly epoch: number; readonly loss: number }[]
}

export function drawLosses(curves: readonly NamedCurve[]): Promise<string> {
  return svg({
    charts: (plot) => [lossesByEpoch(plot, curves)],
    keys: curves.map(({ name }, i) => ({ name, colour: colour(i), mark: 'line and dot' })),
  })
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
          // No wider than the line if they would hide it.
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
