// Ends worker threads in the middle of their training, with and without callbacks in flight, and trains on elsewhere.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { VAE } from '../../dist/index.js'

const data = new Float32Array(784 * 4000)

if (isMainThread) {
  for (const batchCalls of [false, true, false, true]) {
    const worker = new Worker(new URL(import.meta.url), { workerData: batchCalls })
    await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await worker.terminate()
  }
  const { epochs } = await new VAE().fit(data, { epochs: 1, verbose: false })
  console.log(`trained ${epochs.length} epoch in the main thread`)
} else {
  const vae = new VAE()
  const callbacks = workerData ? { onBatchBegin() {}, onBatchEnd() {} } : {}
  vae.fit(data, { epochs: 1000, verbose: false, callbacks }).catch(() => {})
  vae.logLikelihood(data, { samples: 1000 }).catch(() => {})
  setTimeout(() => parentPort.postMessage('training'), 150)
}
