// Trains models one after the other and drops each; prints the most threads that the process had. Linux only.
import { readdirSync } from 'node:fs'
import { VAE } from '../../dist/index.js'

const x = new Float32Array(64 * 16).fill(0.5)
let most = 0
for (let i = 0; i < 300; i++) {
  const vae = new VAE({ input: 16, encoder: [8], latent: 2, decoder: [8], seed: i })
  await vae.fit(x, { epochs: 1, batchSize: 64, verbose: false })
  most = Math.max(most, readdirSync('/proc/self/task').length)
}
console.log(most)
