// The table: one line a measurement, printed as soon as it is there.

const columns = [
  ['trial', 14],
  ['case', 30],
  ['threads', -7],
  ['time', -9],
  ['per', 6],
  ['GFLOP/s', -8],
  ['peak', -7],
  ['of peak', -8],
  ['MB', -6],
  ['ratio', -8],
]

export function printHeader() {
  print(columns.map(([name]) => name))
  console.log(columns.map(([, width]) => '-'.repeat(Math.abs(width))).join('  '))
}

/** A result of a case, or of a peer; `ratio` is its time over ours, or over that of what the trial holds a case against. */
export function printRow(trial, one, result) {
  const { seconds, gflops, peakGflops, fraction, megabytes, ratio, error, skipped, note } = result
  if (seconds === undefined) {
    print(
      [trial, one.label, one.threads ?? ''],
      error === undefined ? `not run: ${skipped}` : `failed: ${error.split('\n').at(-1)}`,
    )
    return
  }
  const numbers = [
    duration(seconds),
    one.per ?? '',
    gflops?.toFixed(1),
    peakGflops?.toFixed(1),
    fraction && `${(100 * fraction).toFixed(1)} %`,
    megabytes?.toFixed(0),
    ratio && `${ratio.toPrecision(3)} ×`,
  ]
  print([trial, one.label, one.threads ?? '', ...numbers], note)
}

function duration(seconds) {
  if (seconds >= 1) return `${seconds.toFixed(3)} s`
  if (seconds >= 1e-3) return `${(seconds * 1e3).toFixed(2)} ms`
  return `${(seconds * 1e6).toFixed(2)} µs`
}

function print(cells, rest = '') {
  const line = cells.map((cell, i) => {
    const width = columns[i][1]
    return width < 0 ? String(cell ?? '').padStart(-width) : String(cell ?? '').padEnd(width)
  })
  console.log(`${line.join('  ')}  ${rest}`.trimEnd())
}
