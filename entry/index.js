// What `import 'aevb'` loads in Node: dist/index.js, once it is certain that there is one. Bundlers take dist/index.js
// itself (the condition "module" of package.json), and need no top-level await.

import requireBuilt from './built.cjs'

requireBuilt('index.js')

export const { AbortError, backend, Dataset, imageGrid, lossChart, mnist, reconstructionGrid, Table, VAE, VAEError } =
  await import('../dist/index.js')
