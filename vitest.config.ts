import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A crash of the addon must end one file's process, not the run.
    pool: 'forks',
    // One file after another: tests that train use every core, and some measure time.
    fileParallelism: false,
    // Some tests train a model.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
