// A thread that copies an array when it is told to.

import { parentPort, workerData } from 'node:worker_threads'

const from = new Float64Array(workerData.bytes / 8).fill(1)
const to = new Float64Array(from.length)

parentPort.on('message', () => {
  for (let i = 0; i < workerData.copies; ++i) to.set(from)
  parentPort.postMessage('done')
})
