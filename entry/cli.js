// What `npm start` runs: the program, once it is certain that it is built.

import requireBuilt from './built.cjs'

requireBuilt('cli/main.js')

await import('../dist/cli/main.js')
