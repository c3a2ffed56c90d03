// Seconds per epoch of the reference model (784-200-10-200-784, Bernoulli, Adam, batch 128) on the 60,000 training
// images of MNIST, by number of threads, beside the floating-point peak that the same process measures.
//
//   npm run bench                          1, 2, ... threads, up to what this process may use
//   npm run bench -- --threads 1,2 --epochs 5
//
// Each row is a process of its own, so that none finds the caches, the pool or the clock of another.

import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { threads: { type: 'string' }, epochs: { type: 'string', default: '5' }, one: { type: 'string' } },
})
const epochs = Number(values.epochs)

// Forward, gradient of the weights, and gradient of the inputs but for the first layer, whose input is the data.
const products = [
  [784, 200, 2],
  [200, 10, 3],
  [200, 10, 3],
  [10, 200, 3],
  [200, 784, 3],
]
const flopPerRow = products.reduce((sum, [inputs, outputs, times]) => sum + 2 * inputs * outputs * times, 0)

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/** One row of the table, in this process. */
async function measure(threads) {
  const { VAE, mnist } = await import('../dist/index.js')
  const { native } = await import('../dist/native.js')
  const { train } = await mnist()
  const vae = new VAE()
  // A shared machine gives more now and less then: the peak is measured before and after each epoch.
  const peaks = [native.peak(threads)]
  const onEpochEnd = () => peaks.push(native.peak(threads))
  const history = await vae.fit(train.images, { epochs, threads, verbose: false, callbacks: { onEpochEnd } })
  const rates = history.epochs.map((epoch) => (flopPerRow * train.images.shape[0]) / epoch.seconds)
  return {
    threads,
    seconds: median(history.epochs.map((epoch) => epoch.seconds)),
    gflops: median(rates) / 1e9,
    peakGflops: median(peaks) / 1e9,
    fraction: median(rates.map((rate, i) => (2 * rate) / (peaks[i] + peaks[i + 1]))),
    loss: history.epochs.at(-1).loss,
    megabytes: process.resourceUsage().maxRSS / 1024,
    backend: native.backend(),
  }
}

if (values.one !== undefined) {
  console.log(JSON.stringify(await measure(Number(values.one))))
} else {
  const counts =
    values.threads?.split(',').map(Number) ??
    Array.from({ length: Math.min(availableParallelism(), 16) }, (_, i) => i + 1)
  const rows = counts.map((threads) => {
    const self = fileURLToPath(import.meta.url)
    const child = spawnSync(process.execPath, [self, '--one', String(threads), '--epochs', String(epochs)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (child.status !== 0) throw new Error(`the measurement with ${threads} threads failed`)
    return JSON.parse(child.stdout)
  })
  const { core, isa, gemm, version } = rows[0].backend
  console.log(`machine: ${core}, ${isa}; product: ${gemm} (${version}); node ${process.version}`)
  console.log(`reference model, 60,000 rows, median of ${epochs} epochs, dense FLOP`)
  console.table(
    Object.fromEntries(
      rows.map((row) => [
        `${row.threads} thread${row.threads > 1 ? 's' : ''}`,
        {
          's/epoch': row.seconds.toFixed(3),
          'GFLOP/s': row.gflops.toFixed(1),
          'peak GFLOP/s': row.peakGflops.toFixed(1),
          'of peak': `${(100 * row.fraction).toFixed(1)} %`,
          'loss, last epoch': row.loss.toFixed(2),
          'memory MB': row.megabytes.toFixed(0),
        },
      ]),
    ),
  )
}
