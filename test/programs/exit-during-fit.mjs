// Leaves while a model trains.
import { VAE } from '../../dist/index.js'

const vae = new VAE()
vae.fit(new Float32Array(784 * 20000), { epochs: 1000, verbose: false }).catch(() => {})
await new Promise((resolve) => setTimeout(resolve, 100))
process.exit(7)
