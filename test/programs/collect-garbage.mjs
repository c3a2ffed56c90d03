// Makes, trains and forgets models; memory and threads must not grow with them. Run with --expose-gc.
import { readdirSync } from 'node:fs'
import { Dataset, VAE } from '../../dist/index.js'

const data = new Dataset(new Float32Array(784 * 200), { columns: 784 })
const threads = () => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0)

async function round() {
  for (let i = 0; i < 10; i++) {
    const vae = new VAE()
    await vae.fit(data, { epochs: 1, verbose: false, threads: 2 })
    // Forgotten while it works: the promise must still settle.
    new VAE().encode(new Float32Array(784)).then(() => {})
  }
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    globalThis.gc()
  }
  return { megabytes: process.memoryUsage().rss / 2 ** 20, threads: threads() }
}

await round()
const before = await round()
for (let i = 0; i < 4; i++) await round()
const after = await round()
console.log(JSON.stringify({ before, after }))
