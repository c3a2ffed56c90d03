// Draws what bench/run.mjs has measured, as SVG:
//
//   throughput-threads.svg   GFLOP/s against the number of threads      trials threads and reference
//   throughput-width.svg     against the width of the hidden layers     trial grid
//   throughput-batch.svg     against the rows of a batch                trial grid
//   roofline.svg             against FLOP per byte                      trial memory, and all that move known bytes
//
// A picture whose trials are in none of the files is not drawn. Of a case that several files hold, the median counts.

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
const gflops = (scale = {}) => ({ field: 'gflops', type: 'quantitative', title: 'GFLOP/s, dense count', scale })
const PEAK = 'measured peak'

function throughputByThreads() {
  const label = { digits: 'MNIST', 'digits, bfloat16': 'MNIST, bfloat16', 'no zeros in the data': 'data without zeros' }
  const rows = of(['threads', 'reference'], ['label', 'threads']).filter(({ threads }) => threads > 0)
  if (rows.length === 0) return undefined
  const curves = rows.map(({ label: name, threads, gflops }) => ({ curve: label[name] ?? name, threads, gflops }))
  const most = Math.max(...curves.map(({ threads }) => threads))
  const limits = [...peaks].filter(([threads]) => threads <= most)
  const values = [...curves, ...limits.map(([threads, gflops]) => ({ curve: PEAK, threads, gflops }))]
  const names = [PEAK, ...new Set(curves.map(({ curve }) => curve))]
  return {
    title: { text: 'Training throughput by threads', subtitle: ['784-200-10-200-784, batch 128', subtitle] },
    data: { values },
    width: 420,
    height: 280,
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'threads',
        type: 'quantitative',
        title: 'threads',
        scale: { domain: [0, most] },
        axis: { tickMinStep: 1, format: 'd' },
      },
      y: gflops(),
      color: {
        field: 'curve',
        title: null,
        scale: { domain: names, range: ['#555', ...distinct] },
        legend: { symbolType: 'stroke' },
      },
      strokeDash: {
        field: 'curve',
        title: null,
        scale: { domain: names, range: names.map((name) => (name === PEAK ? [6, 4] : [1, 0])) },
      },
    },
  }
}

/** A chart for each number of threads, side by side: GFLOP/s against `x`, a curve for each value of `curve`. */
function throughputOfGrid(x, curve, text) {
  const rows = of(['grid'], ['width', 'batch', 'threads'])
  if (rows.length === 0) return undefined
  const values = rows.map(({ width, batch, threads, gflops }) => ({
    width,
    batch,
    gflops,
    of: plural(threads),
    peak: peaks.get(threads),
  }))
  const ticks = [...new Set(values.map((value) => value[x]))].sort((a, b) => a - b)
  const dash = [6, 4]
  return {
    title: { text, subtitle: ['784-WIDTH-10-WIDTH-784 on MNIST; dashed: measured peak', subtitle] },
    data: { values },
    facet: { column: { field: 'of', sort: [...peaks.keys()].sort((a, b) => a - b).map(plural) } },
    spacing: 32,
    spec: {
      width: 300,
      height: 280,
      layer: [
        {
          mark: { type: 'rule', strokeDash: dash, color: '#555', strokeWidth: 2 },
          encoding: { y: { field: 'peak', aggregate: 'max', type: 'quantitative' } },
        },
        {
          mark: { type: 'line', point: true },
          encoding: {
            x: {
              field: x,
              type: 'quantitative',
              title: x === 'width' ? 'width of the hidden layers' : 'rows of a batch',
              scale: { type: 'log', base: 2, domain: [ticks[0], ticks.at(-1)], nice: false },
              axis: { values: ticks, format: ',d', labelOverlap: false, labelFlush: false },
            },
            y: gflops({ zero: true }),
            color: { field: curve, type: 'ordinal', scale: { scheme: ordered, reverse: true } },
          },
        },
      ],
    },
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
  const colors = { ...Object.fromEntries(Object.keys(names).map((trial, i) => [trial, distinct[i]])), grid: '#aaa' }
  const keys = ['trial', 'label', 'threads']
  const points = of(Object.keys(names), keys).filter(
    ({ flopPerByte, threads }) => flopPerByte !== undefined && bandwidths.has(threads),
  )
  if (points.length === 0) return undefined
  const values = points.map(({ trial, threads, flopPerByte, gflops }) => {
    return { kind: names[trial], of: plural(threads), flopPerByte, gflops }
  })
  const intensities = values.map(({ flopPerByte }) => flopPerByte)
  const domain = [
    2 ** Math.floor(Math.log2(Math.min(...intensities))),
    2 ** Math.ceil(Math.log2(Math.max(...intensities))),
  ]
  const threads = [...new Set(points.map((point) => point.threads))].sort((a, b) => a - b)
  const roofs = threads.flatMap((count) => {
    const peak = peaks.get(count)
    const bandwidth = bandwidths.get(count)
    const ridge = Math.min(Math.max(peak / bandwidth, domain[0]), domain[1])
    return [domain[0], ridge, domain[1]].map((flopPerByte) => {
      return { of: plural(count), flopPerByte, gflops: Math.min(peak, bandwidth * flopPerByte) }
    })
  })
  const texts = threads.map((count) => ({
    of: plural(count),
    text: `${peaks.get(count).toFixed(0)} GFLOP/s, ${bandwidths.get(count).toFixed(1)} GB/s`,
  }))
  const drawn = Object.keys(names).filter((trial) => points.some((point) => point.trial === trial))
  const labels = drawn.map((trial) => names[trial])
  const heights = [...values, ...roofs].map(({ gflops }) => gflops)
  const [lowest, highest] = [Math.floor(Math.log10(Math.min(...heights))), Math.ceil(Math.log10(Math.max(...heights)))]
  const decades = Array.from({ length: highest - lowest + 1 }, (_, i) => 10 ** (lowest + i))
  const x = {
    field: 'flopPerByte',
    type: 'quantitative',
    title: 'FLOP per byte, dense count, nothing kept in a cache',
    scale: { type: 'log', base: 2, domain, nice: false },
    axis: { format: '~r', tickCount: 8, labelOverlap: true },
  }
  const y = {
    ...gflops({ type: 'log', domain: [decades[0], decades.at(-1)] }),
    axis: { values: decades.flatMap((ten) => [ten, 2 * ten, 5 * ten]), format: '~r' },
  }
  // What lies above is drawn later: the many points of the grid below those of the other trials.
  const marks = (filter, size) => ({
    transform: [{ filter }],
    mark: { type: 'point', size },
    encoding: {
      x,
      y,
      color: {
        field: 'kind',
        title: null,
        scale: { domain: labels, range: drawn.map((trial) => colors[trial]) },
        legend: { orient: 'bottom', columns: 3, labelLimit: 0, symbolOpacity: 1 },
      },
      shape: { field: 'kind', title: null, scale: { domain: labels } },
    },
  })
  return {
    title: {
      text: 'Roofline',
      subtitle: ['roofs: measured peak, and bandwidth of a copy; zeros that are left out count as done', subtitle],
    },
    facet: { column: { field: 'of', sort: threads.map(plural) } },
    data: { values: [...values, ...roofs.map((roof) => ({ ...roof, roof: true })), ...texts] },
    spacing: 32,
    spec: {
      width: 340,
      height: 300,
      layer: [
        { transform: [{ filter: 'datum.roof' }], mark: { type: 'line', color: '#555' }, encoding: { x, y } },
        {
          transform: [{ filter: 'isValid(datum.text)' }],
          mark: { type: 'text', align: 'left', fontSize: 11, color: '#555', x: 10, y: 14 },
          encoding: { text: { field: 'text' } },
        },
        marks(`datum.kind === '${names.grid}'`, 35),
        marks(`isValid(datum.kind) && datum.kind !== '${names.grid}'`, 70),
      ],
    },
  }
}

const pictures = {
  'throughput-threads.svg': throughputByThreads(),
  'throughput-width.svg': throughputOfGrid('width', 'batch', 'Training throughput by width'),
  'throughput-batch.svg': throughputOfGrid('batch', 'width', 'Training throughput by batch size'),
  'roofline.svg': roofline(),
}
mkdirSync(folder, { recursive: true })
for (const [name, spec] of Object.entries(pictures)) {
  if (spec === undefined) {
    console.log(`${name} not drawn: its trials are not in the results`)
    continue
  }
  const path = join(folder, name)
  writeFileSync(path, `${await svg(spec)}\n`)
  console.log(path)
}
