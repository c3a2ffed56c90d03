// How many bytes a second memory gives and takes: copies of an array much larger than the caches, each thread its part.
// TypedArray.prototype.set is the C library's memmove. Bytes read and bytes written are counted, each once.

import { Worker } from 'node:worker_threads'
import { memoryLeft } from '../lib/machine.mjs'
import { measureRepeats, timed } from '../lib/measure.mjs'

/** The size of the array that is copied, and of its copy. */
const BYTES = 2 ** 28
const COPIES = 4

export const title = 'memory: copies of an array of 256 MiB'

export function cases({ quick, threads, available }) {
  const counts = threads?.filter((count) => count > 0) ?? [...new Set([1, 2, available])].filter((n) => n <= available)
  const needed = 2 * BYTES + 2 ** 28
  return counts.map((threads) => ({
    label: '256 MiB',
    threads,
    repeats: quick ? 5 : 15,
    per: 'copy',
    skip: needed > 0.8 * memoryLeft() ? `${Math.ceil(needed / 2 ** 20)} MB do not fit into memory` : undefined,
  }))
}

export async function measure({ threads, repeats }) {
  const file = new URL('../lib/copier.mjs', import.meta.url)
  const bytes = 8 * Math.floor(BYTES / 8 / threads)
  const workers = Array.from({ length: threads }, () => new Worker(file, { workerData: { bytes, copies: COPIES } }))
  const copyAll = () => Promise.all(workers.map(copy))
  const result = await measureRepeats({ threads, repeats, once: async () => (await timed(copyAll)) / COPIES })
  await Promise.all(workers.map((worker) => worker.terminate()))
  // The best of all, as the floating-point peak is: what others on the machine take is not the memory's limit.
  const gigabytesPerSecond = (2 * bytes * threads) / Math.min(...result.samples) / 1e9
  return { ...result, gigabytesPerSecond, note: `${gigabytesPerSecond.toFixed(1)} GB/s` }
}

function copy(worker) {
  return new Promise((resolve, reject) => {
    worker.once('error', reject).once('message', () => {
      worker.off('error', reject)
      resolve()
    })
    worker.postMessage('copy')
  })
}
