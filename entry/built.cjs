// What to say in a clone whose dist/ is missing, in place of Node's "Cannot find module".

const { existsSync } = require('node:fs')
const { join, resolve } = require('node:path')

/** Throws an Error that says what to run if the build has not written dist/`file`. */
module.exports = function requireBuilt(file) {
  const path = join(__dirname, '../dist', file)
  if (existsSync(path)) return
  const message =
    `aevb is not built: ${path} does not exist, because the scripts of \`npm install\` did not run or failed. ` +
    `Run \`npm run build\` in ${resolve(__dirname, '..')}, with a C++20 compiler and Python 3 at hand`
  throw Object.assign(new Error(message), { code: 'NOT_BUILT' })
}
