// How long `import 'aevb'` takes, in fresh processes.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { measureRepeats } from '../lib/measure.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const program = `const begin = performance.now()
await import('aevb')
console.log(performance.now() - begin)`

export const title = "import 'aevb'"

export function cases({ quick }) {
  return [{ label: "import 'aevb'", repeats: quick ? 5 : 31, per: 'import' }]
}

export async function measure({ repeats }) {
  const once = async () => {
    const args = ['--input-type=module', '--eval', program]
    return Number(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })) / 1000
  }
  // The memory is that of this process, not of those.
  return { ...(await measureRepeats({ repeats, once })), megabytes: undefined }
}
