// Measures the trials of bench/trials, each case in a process of its own. Prints one table and writes one JSON.
// A trial is a file that exports
//   title            what it measures
//   cases(context)   a list of { label, per, threads, ... }: plain JSON, which the case's process is given. `env` is set
//                    in that process; `skip` says why a case cannot be measured here; `peakThreads` is the number of
//                    threads that the peak is measured with if it is not `threads`
//   measure(one)     the result of one case: { seconds, samples, ... } (lib/measure.mjs)
//   peers(one)       may be left out: the programs of bench/peers that do the same (runPeer in lib/processes.mjs)

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine } from './lib/machine.mjs'
import { runCase, runPeer } from './lib/processes.mjs'
import { median } from './lib/statistics.mjs'
import { printHeader, printRow } from './lib/table.mjs'

/** The files of bench/trials, in the order of the table. */
const TRIALS = [
  'memory',
  'reference',
  'models',
  'networks',
  'threads',
  'busy',
  'rows',
  'grid',
  'tabular',
  'inference',
  'latency',
  'likelihood',
  'products',
  'import',
]

const USAGE = `npm run bench                                  every trial
npm run bench -- --quick                       smaller and fewer: does it work, not how fast is it
npm run bench -- --only reference,tabular      some trials: ${TRIALS.join(', ')}
npm run bench -- --threads 1,2                 these numbers of threads, in trials that vary them
npm run bench -- --peers --rounds 5            each peer in turn with ours, five times around (peers/setup.sh first)
npm run bench -- --out FILE.json               in place of bench/results/<date>.json
npm run bench -- --help                        this`

const here = dirname(fileURLToPath(import.meta.url))
const started = new Date()
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    threads: { type: 'string' },
    rounds: { type: 'string' },
    out: { type: 'string' },
    quick: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit()
}
const rounds = Number(values.rounds ?? (values.peers && !values.quick ? 3 : 1))

const machine = describeMachine()
const context = {
  quick: values.quick,
  threads: values.threads?.split(',').map(Number),
  available: machine.threadsAvailable,
}
const wanted = values.only?.split(',') ?? TRIALS
const unknown = wanted.filter((name) => !TRIALS.includes(name))
if (unknown.length > 0) throw new Error(`no trial ${unknown.join(', ')}; there are ${TRIALS.join(', ')}`)

/** Ours and its peers in turn (A B C A B C), so that a machine that slows down slows all of them down. */
function measureInTurn(name, one, peers) {
  const ours = []
  const theirs = peers.map(() => [])
  for (let round = 0; round < rounds; ++round) {
    ours.push(runCase(name, one))
    peers.forEach((peer, i) => {
      theirs[i].push(runPeer(peer))
    })
  }
  const result = combine(ours)
  const compared = peers.map((peer, i) => {
    const combined = combine(theirs[i])
    const ratiosByRound = theirs[i].map((one, round) => one.seconds / ours[round].seconds)
    return { name: peer.name, ...combined, ratio: combined.seconds / result.seconds, ratiosByRound }
  })
  return { ...result, peers: compared }
}

/** One result of those of several rounds: the medians over all that were measured. */
function combine(results) {
  const failed = results.find((result) => result.error !== undefined)
  if (failed) return failed
  const middle = (key) => {
    const numbers = results.map((result) => result[key]).filter((value) => value !== undefined)
    return numbers.length > 0 ? median(numbers) : undefined
  }
  const samples = results.flatMap((result) => result.samples)
  return {
    ...results.at(-1),
    seconds: median(samples),
    samples,
    gflops: middle('gflops'),
    peakGflops: middle('peakGflops'),
    fraction: middle('fraction'),
    megabytes: middle('megabytes'),
    ratio: middle('ratio'),
  }
}

console.log(
  `${machine.processor}, ${machine.threadsAvailable} threads available; core ${machine.core}, ${machine.isa}; ` +
    `product: ${machine.gemm} (${machine.gemmVersion}); node ${machine.node}\n`,
)
printHeader()
const trials = []
for (const name of wanted) {
  const trial = await import(`./trials/${name}.mjs`)
  const cases = []
  for (const one of trial.cases(context)) {
    const peers = values.peers ? (trial.peers?.(one) ?? []) : []
    const result = one.skip ? { skipped: one.skip } : measureInTurn(name, one, peers)
    printRow(name, one, result)
    for (const peer of result.peers ?? []) printRow('', { ...one, label: `  ${peer.name}` }, peer)
    cases.push({ ...one, ...result })
  }
  trials.push({ name, title: trial.title, cases })
}

const peaks = {}
for (const { threads, peakThreads = threads, peakGflops } of trials.flatMap((trial) => trial.cases)) {
  if (peakGflops !== undefined) peaks[peakThreads] = [...(peaks[peakThreads] ?? []), peakGflops]
}
const report = {
  started: started.toISOString(),
  seconds: (Date.now() - started.getTime()) / 1000,
  options: { ...values, rounds },
  machine: { ...machine, loadAfter: describeMachine().load },
  peakGflopsByThreads: Object.fromEntries(Object.entries(peaks).map(([threads, list]) => [threads, median(list)])),
  trials,
}
const stamp = report.started.replace(/[:.]/g, '-')
const out = resolve(values.out ?? join(here, 'results', `${stamp}.json`))
mkdirSync(dirname(out), { recursive: true })
writeFileSync(out, `${JSON.stringify(report, null, 2)}\n`)
console.log(`\n${out}`)
const measured = trials.flatMap((trial) => trial.cases).flatMap((one) => [one, ...(one.peers ?? [])])
if (measured.some((one) => one.error !== undefined)) process.exitCode = 1
