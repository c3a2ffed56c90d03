// Ends worker threads at random moments while a model and a Dataset work, in each of the ways in which a thread ends:
//   node end-workers.mjs <how many> [<seed>]
// Prints { ended, megabytes }: how many ended in which way, and by how much memory has grown from the first quarter of
// them to the last one. A worker owns more than 20 MB.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** Numbers in [0, 1) that the seed decides (mulberry32). */
function randomOf(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const COLUMNS = 64
const ways = ['terminate', 'exit', 'error']

if (isMainThread) {
  const [count, seed] = [Number(process.argv[2]), Number(process.argv[3] ?? 1)]
  const random = randomOf(seed)
  const folder = mkdtempSync(join(tmpdir(), 'aevb-workers-'))
  const ended = { terminate: 0, exit: 0, error: 0 }
  const memory = []
  const endOne = async (i) => {
    const way = ways[i % ways.length]
    const delay = random() * 120
    const worker = new Worker(new URL(import.meta.url), { workerData: { seed: seed + i, way, delay, folder } })
    const over = new Promise((resolve) => worker.once('exit', resolve))
    worker.on('error', (error) => {
      if (error.message !== 'meant') throw error
    })
    // One in four of those that are terminated ends at any moment, its start included.
    if (way === 'terminate') {
      if (random() < 0.75) await new Promise((resolve) => worker.once('message', resolve))
      await sleep(delay)
      await worker.terminate()
    }
    await over
    ended[way]++
    memory.push(process.memoryUsage().rss / 2 ** 20)
  }
  let next = 0
  const lane = async () => {
    while (next < count) await endOne(next++)
  }
  await Promise.all([lane(), lane(), lane()])
  rmSync(folder, { recursive: true, force: true })
  const quarter = Math.floor(count / 4)
  const smallest = (values) => Math.min(...values)
  // The smallest of each quarter, because other workers run when one ends.
  const megabytes = smallest(memory.slice(-quarter)) - smallest(memory.slice(quarter, 2 * quarter))
  console.log(JSON.stringify({ ended, megabytes: Math.round(megabytes) }))
} else {
  const { Dataset, VAE } = await import('../../dist/index.js')
  const { seed, way, delay, folder } = workerData
  const random = randomOf(seed)
  const rows = new Float32Array(COLUMNS * 40_000).map(() => random())
  const data = new Dataset(rows, { columns: COLUMNS })
  const few = rows.subarray(0, COLUMNS * 200)
  const config = { input: COLUMNS, latent: 4, encoder: [256], decoder: [256] }
  const vae = new VAE(config)
  const threads = 1 + Math.floor(random() * 2)
  const callbacks = random() < 0.5 ? { onBatchBegin() {}, onBatchEnd() {} } : {}
  const work = [
    () => vae.fit(data, { epochs: 3, verbose: false, threads, callbacks }),
    () => vae.encode(data, { threads }),
    () => vae.encode(few),
    () => vae.sample(200),
    () => vae.logLikelihood(few, { samples: 50 }),
    async () => {
      for (let i = 0; i < 200; i++) vae.encodeSync(few.subarray(0, COLUMNS))
    },
    async () => vae.encodeSync(few),
    async () => {
      const own = new VAE(config)
      await own.save(join(folder, `${seed}`))
      await VAE.load(join(folder, `${seed}`))
    },
    // A copy with every cell checked.
    () => vae.anomalyScore(new Dataset(rows, { columns: COLUMNS })),
    async () => {
      const own = new VAE(config)
      const using = own.fit(few, { epochs: 100, verbose: false }).catch(() => {})
      await sleep(random() * 5)
      own.dispose()
      await using
    },
  ]
  setTimeout(() => {
    if (way === 'exit') process.exit(0)
    if (way === 'error') throw new Error('meant')
  }, delay)
  const again = async (job) => {
    // Some of them are refused as BUSY while the model trains.
    await job().catch(() => {})
    await sleep(0)
    await again(work[Math.floor(random() * work.length)])
  }
  for (let i = 0; i < 4; i++) again(work[Math.floor(random() * work.length)])
  parentPort.postMessage('at work')
}
