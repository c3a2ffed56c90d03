// Scores arrays one after the other, as a service does; only the garbage collector frees their copies.
import { VAE } from '../../dist/index.js'

const vae = new VAE()
const data = new Float32Array(784 * 5000)
for (let i = 0; i < 150; i++) await vae.anomalyScore(data)
for (let i = 0; i < 300; i++) new VAE()
console.log(process.resourceUsage().maxRSS / 1024)
