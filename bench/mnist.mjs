// Seconds per epoch of the reference model on MNIST with 1 and 2 threads, GFLOP/s, and the fraction of the peak measured
// in the same run: the trial `reference` alone. Options of run.mjs may follow.
//
//   node bench/mnist.mjs --quick

process.argv.splice(2, 0, '--only', 'reference', '--threads', '1,2')
await import('./run.mjs')
