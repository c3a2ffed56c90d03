// Leaves at a random moment of training with callbacks, and of other work.
import { VAE } from '../../dist/index.js'

const vae = new VAE({ input: 64, latent: 4, encoder: [32], decoder: [32] })
const x = new Float32Array(64 * 2000)
vae.fit(x, { epochs: 1e6, verbose: false, callbacks: { onBatchBegin() {}, onBatchEnd() {} } }).catch(() => {})
for (let i = 0; i < 5; i++) vae.encode(x).catch(() => {})
setTimeout(() => process.exit(3), Math.random() * 100)
