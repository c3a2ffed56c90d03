// The package as it is built here. `native` is not public: its `peak` is what measurements stand beside.

export { Dataset, mnist, VAE } from '../../dist/index.js'
export { native } from '../../dist/native.js'
