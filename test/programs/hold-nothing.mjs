// Makes objects and drops them in loops that wait for nothing; prints the megabytes by which each loop raises memory,
// and how long the event loop's next turn takes in milliseconds.
import { setTimeout as sleep } from 'node:timers/promises'
import { Dataset, VAE } from '../../dist/index.js'

const config = { input: 8, likelihood: 'gaussian', latent: 2, encoder: [8], decoder: [8], condition: { classes: 10 } }
const vae = new VAE(config)
const row = new Float32Array(8)
const megabytes = () => process.memoryUsage().rss / 2 ** 20

async function grown(loop) {
  const before = megabytes()
  loop()
  const megabytesMore = megabytes() - before
  const start = performance.now()
  await sleep(0)
  return { megabytes: Math.round(megabytesMore), turn: Math.round(performance.now() - start) }
}

for (let i = 0; i < 20_000; i++) vae.encodeSync(row, { condition: 3 })
await sleep(50)
const encoded = await grown(() => {
  for (let i = 0; i < 1_000_000; i++) vae.encodeSync(row, { condition: 3 })
})
const chunk = new Float32Array(2 ** 18).fill(0.5)
const datasets = await grown(() => {
  for (let i = 0; i < 1000; i++) new Dataset(chunk, { columns: 64 })
})
const models = await grown(() => {
  for (let i = 0; i < 300; i++) new VAE()
})
const big = new Dataset(new Float32Array(2 ** 26), { columns: 64 })
const part = big.slice(0, 1)
const held = megabytes()
big.dispose()
const shared = held - megabytes()
part.dispose()
const freed = held - megabytes()
console.log(JSON.stringify({ encoded, datasets, models, shared: Math.round(shared), freed: Math.round(freed) }))
