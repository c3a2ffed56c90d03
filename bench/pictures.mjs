// Draws what bench/run.mjs has measured, as SVG:
//
//   throughput-threads.svg   GFLOP/s against the number of threads      trials threads and reference
//   throughput-width.svg     against the width of the hidden layers     trial grid
//   throughput-batch.svg     against the rows of a batch                trial grid
//   roofline.svg             against FLOP per byte                      trial memory, and all that move known bytes
//
// A picture whose trials are in none of the files is not drawn. If several files hold a case, the median counts.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { distinct, ordered, svg } from './lib/chart.mjs'
import { median } from './lib/statistics.mjs'

const USAGE = 'node bench/pictures.mjs RESULTS.json... FOLDER'

const { values, positionals } = parseArgs({
  options: { help: { type: 'boolean', default: false } },
  allowPositionals: true,
})
if (values.help || positionals.length < 2) {
  console.log(USAGE)
  process.exit(values.help ? 0 : 1)
}
const folder = positionals.at(-1)
const reports = positionals.slice(0, -1).map((file) => JSON.parse(readFileSync(file, 'utf8')))
const processors = new Set(reports.map(({ machine }) => `${machine.processor}, ${machine.isa}, ${machine.gemm}`))
if (processors.size > 1) throw new Error(`results of different machines: ${[...processors].join('; ')}`)

const { machine } = reports[0]
const subtitle =
  `${machine.processor}, ${machine.isa}, product: ${machine.gemm}; ` +
  `${reports.map(({ started }) => started.slice(0, 10)).sort()[0]}, revision ${machine.revision ?? 'unknown'}`
const cases = reports
  .flatMap(({ trials }) => trials)
  .flatMap((trial) => trial.cases.map((one) => ({ trial: trial.name, ...one })))
  .filter(({ seconds }) => seconds !== undefined)

/** The items by their keys; Map.groupBy came with Node 21. */
function groupBy(items, key) {
  const groups = new Map()
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item])
  return groups
}

/** The cases of some trials, those alike under `keys` made one. */
function of(trials, keys) {
  const groups = groupBy(
    cases.filter(({ trial, gflops }) => trials.includes(trial) && gflops !== undefined),
    (one) => JSON.stringify(keys.map((key) => one[key])),
  )
  return [...groups.values()].map((group) => ({ ...group[0], gflops: median(group.map(({ gflops }) => gflops)) }))
}

/** The middle, or for memory the best, of a number that cases hold, by the threads it was measured with. */
function byThreads(key, choose) {
  const measured = cases.filter((one) => one[key] !== undefined)
  const groups = groupBy(measured, ({ threads, peakThreads = threads }) => peakThreads)
  return new Map([...groups].map(([threads, group]) => [threads, choose(group.map((one) => one[key]))]))
}

const peaks = byThreads('peakGflops', median)
const bandwidths = byThreads('gigabytesPerSecond', (all) => Math.max(...all))
const plural = (threads) => `${threads} ${threads === 1 ? 'thread' : 'threads'}`
const PEAK = { name: 'measured peak', colour: '#555', dash: '6 4' }
const GFLOPS = 'GFLOP/s, dense count'

/** What the charts have in common: their size, a frame, a grid, labels without arrows. */
function chart(plot, { x, y, marks, width = 400 }) {
  return {
    width,
    height: 330,
    marginLeft: 50,
    marginBottom: 40,
    marginRight: 20,
    grid: true,
    x: { labelAnchor: 'center', labelArrow: 'none', ...x },
    y: { labelArrow: 'none', ...y },
    marks: [plot.frame({ stroke: '#bbb' }), ...marks],
  }
}

/** A line with a dot at each point, which says its value when it is pointed at. */
function curve(plot, points, x, { name, colour, dash }) {
  const title = (point) => `${name}, ${x} ${point[x]}: ${point.gflops.toFixed(1)} GFLOP/s`
  return [
    plot.line(points, { x, y: 'gflops', stroke: colour, strokeWidth: 2, strokeDasharray: dash }),
    plot.dot(points, { x, y: 'gflops', fill: colour, r: 3, title }),
  ]
}

function throughputByThreads() {
  const label = { digits: 'MNIST', 'digits, bfloat16': 'MNIST, bfloat16', 'no zeros in the data': 'data without zeros' }
  const rows = of(['threads', 'reference'], ['label', 'threads']).filter(({ threads }) => threads > 0)
  if (rows.length === 0) return undefined
  const named = rows.map((row) => ({ ...row, name: label[row.label] ?? row.label }))
  const most = Math.max(...rows.map(({ threads }) => threads))
  const limits = [...peaks].filter(([threads]) => threads <= most).map(([threads, gflops]) => ({ threads, gflops }))
  const keys = [...new Set(named.map(({ name }) => name))].map((name, i) => ({ name, colour: distinct[i] }))
  return {
    title: 'Training throughput by threads',
    notes: ['784-200-10-200-784, batch 128', subtitle],
    keys: [PEAK, ...keys].map((key) => ({ ...key, mark: 'line and dot' })),
    charts: (plot) => [
      chart(plot, {
        width: 480,
        x: { label: 'threads', domain: [0, most], ticks: Math.min(most, 8), tickFormat: 'd' },
        y: { label: GFLOPS, zero: true, nice: true },
        marks: [
          curve(plot, limits, 'threads', PEAK),
          ...keys.map((key) => {
            const points = named.filter(({ name }) => name === key.name).sort((a, b) => a.threads - b.threads)
            return curve(plot, points, 'threads', key)
          }),
        ],
      }),
    ],
  }
}

/** A chart for each number of threads, side by side: GFLOP/s against `x`, a curve for each value of `other`. */
function throughputOfGrid(x, other, title) {
  const rows = of(['grid'], ['width', 'batch', 'threads'])
  if (rows.length === 0) return undefined
  const values = (key) => [...new Set(rows.map((row) => row[key]))].sort((a, b) => a - b)
  const colours = ordered(values(other).length)
  const keys = values(other).map((value, i) => ({ value, name: `${other} ${value}`, colour: colours[i] }))
  const highest = Math.max(...rows.map(({ gflops }) => gflops), ...peaks.values())
  return {
    title,
    notes: ['784-WIDTH-10-WIDTH-784 on MNIST; dashed: measured peak', subtitle],
    keys: [{ ...PEAK, mark: 'line' }, ...keys.map(({ name, colour }) => ({ name, colour, mark: 'line and dot' }))],
    charts: (plot) =>
      values('threads').map((threads) =>
        chart(plot, {
          x: {
            label: x === 'width' ? 'width of the hidden layers' : 'rows of a batch',
            type: 'log',
            base: 2,
            ticks: values(x),
            tickFormat: 'd',
          },
          y: { label: `${plural(threads)}: ${GFLOPS}`, domain: [0, highest], nice: true },
          marks: [
            plot.ruleY([peaks.get(threads)], { stroke: PEAK.colour, strokeWidth: 2, strokeDasharray: PEAK.dash }),
            ...keys.map(({ value, ...key }) => {
              const own = rows.filter((row) => row.threads === threads && row[other] === value)
              return curve(
                plot,
                own.sort((a, b) => a[x] - b[x]),
                x,
                key,
              )
            }),
          ],
        }),
      ),
  }
}

/**
 * GFLOP/s against FLOP per byte (Williams, Waterman and Patterson 2009). The bytes are those of lib/models.mjs, as if no
 * cache kept anything from one pass to the next, so a point above the sloping roof is one whose model stays in the cache.
 */
function roofline() {
  const names = {
    reference: 'reference: training',
    inference: 'reference: 10,000 rows',
    latency: 'reference: one row',
    tabular: 'small table: training',
    grid: 'widths and batches: training',
  }
  const colours = { ...Object.fromEntries(Object.keys(names).map((trial, i) => [trial, distinct[i]])), grid: '#aaa' }
  const points = of(Object.keys(names), ['trial', 'label', 'threads']).filter(
    ({ flopPerByte, threads }) => flopPerByte !== undefined && bandwidths.has(threads),
  )
  if (points.length === 0) return undefined
  const intensities = points.map(({ flopPerByte }) => flopPerByte)
  const domain = [
    2 ** Math.floor(Math.log2(Math.min(...intensities))),
    2 ** Math.ceil(Math.log2(Math.max(...intensities))),
  ]
  const threads = [...new Set(points.map((point) => point.threads))].sort((a, b) => a - b)
  const roofOf = (count) => {
    const [peak, bandwidth] = [peaks.get(count), bandwidths.get(count)]
    const ridge = Math.min(Math.max(peak / bandwidth, domain[0]), domain[1])
    return [domain[0], ridge, domain[1]].map((flopPerByte) => {
      return { flopPerByte, gflops: Math.min(peak, bandwidth * flopPerByte) }
    })
  }
  const heights = [...points, ...threads.flatMap(roofOf)].map(({ gflops }) => gflops)
  const [lowest, highest] = [Math.floor(Math.log10(Math.min(...heights))), Math.ceil(Math.log10(Math.max(...heights)))]
  const decades = Array.from({ length: highest - lowest + 1 }, (_, i) => 10 ** (lowest + i))
  const heightTicks = decades.slice(0, -1).flatMap((ten) => [ten, 2 * ten, 5 * ten])
  const drawn = Object.keys(names).filter((trial) => points.some((point) => point.trial === trial))
  const xs = Array.from({ length: Math.log2(domain[1] / domain[0]) + 1 }, (_, i) => domain[0] * 2 ** i)
  return {
    title: 'Roofline',
    notes: ['roofs: measured peak, and bandwidth of a copy; zeros that are left out count as done', subtitle],
    keys: drawn.map((trial) => ({ name: names[trial], colour: colours[trial], mark: 'dot' })),
    charts: (plot) =>
      threads.map((count) =>
        chart(plot, {
          x: {
            label: 'FLOP per byte, dense count, nothing kept in a cache',
            type: 'log',
            base: 2,
            domain,
            ticks: xs.filter((_, i) => i % 2 === 0),
            tickFormat: '~r',
          },
          y: {
            type: 'log',
            domain: [decades[0], decades.at(-1)],
            axis: null,
            grid: false,
          },
          marks: [
            // The scale's own axis would leave out some of these numbers.
            plot.gridY(heightTicks),
            plot.axisY(heightTicks, { text: String, label: `${plural(count)}: ${GFLOPS}`, labelArrow: 'none' }),
            plot.line(roofOf(count), { x: 'flopPerByte', y: 'gflops', stroke: '#555', strokeWidth: 2 }),
            plot.text([`${peaks.get(count).toFixed(0)} GFLOP/s, ${bandwidths.get(count).toFixed(1)} GB/s`], {
              frameAnchor: 'top-left',
              dx: 8,
              dy: 8,
              fill: '#555',
            }),
            // What lies above is drawn later: the many points of the grid below those of the other trials.
            ...drawn.toReversed().map((trial) =>
              plot.dot(
                points.filter((point) => point.threads === count && point.trial === trial),
                {
                  x: 'flopPerByte',
                  y: 'gflops',
                  fill: colours[trial],
                  r: trial === 'grid' ? 3 : 4.5,
                  title: ({ label, gflops }) => `${names[trial]}, ${label}: ${gflops.toFixed(1)} GFLOP/s`,
                },
              ),
            ),
          ],
        }),
      ),
  }
}

const pictures = {
  'throughput-threads.svg': throughputByThreads(),
  'throughput-width.svg': throughputOfGrid('width', 'batch', 'Training throughput by width'),
  'throughput-batch.svg': throughputOfGrid('batch', 'width', 'Training throughput by batch size'),
  'roofline.svg': roofline(),
}
mkdirSync(folder, { recursive: true })
for (const [name, drawn] of Object.entries(pictures)) {
  if (drawn === undefined) {
    console.log(`${name} not drawn: its trials are not in the results`)
    continue
  }
  const path = join(folder, name)
  writeFileSync(path, `${await svg(drawn)}\n`)
  console.log(path)
}
