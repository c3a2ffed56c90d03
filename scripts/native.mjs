// What is compiled, and how. Both builds ask here, so they cannot differ: binding.gyp (node-gyp, which is what npm runs)
// and CMakeLists.txt (cmake-js, C++ tests, sanitizers).
//
//   node scripts/native.mjs core | binding | bench | reference | defines | flags | libraries      one item a line
//
// Environment, all of it for whoever builds:
//   AEVB_CBLAS=0   leave CBLAS out      AEVB_CBLAS=1   fail if none is found      (unset: use one if found)
//   AEVB_WERROR=1  warnings are errors
//   CXX            the compiler that the CBLAS trial uses, as node-gyp and CMake do

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Every .cc below these folders, from the package's root, sorted so that every machine compiles alike. */
function sources(...folders) {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.cc'))
      .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
      .sort(),
  )
}

function defines() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  // The second of them: no exception of any kind may leave a callback. The third: nor one that cannot be thrown, because a
  // worker thread was told to end in the middle of a call and its environment takes no exception any more.
  const exceptions = [
    'NAPI_CPP_EXCEPTIONS',
    'NODE_ADDON_API_CPP_EXCEPTIONS_ALL',
    'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  ]
  return ['NAPI_VERSION=8', ...exceptions, `AEVB_VERSION=${version}`, ...cblas().defines]
}

/** Of Release and Debug alike. No -ffast-math: NaN must be seen. No -march: kernels are chosen at run time. */
function flags() {
  const strict = process.env.AEVB_WERROR === '1'
  if (process.platform === 'win32') return ['/std:c++20', '/fp:precise', '/EHsc', ...(strict ? ['/WX'] : [])]
  // Contraction is off because a compiler that fuses a*b+c here and not there would change results between builds.
  const common = ['-std=c++20', '-ffp-contract=off', '-fvisibility=hidden', '-Wall', '-Wextra']
  return [...common, ...(strict ? ['-Werror'] : []), ...cblas().flags]
}

function libraries() {
  return cblas().libraries
}

/** The first CBLAS with which a small program compiles, links, runs and gives the right product. */
function cblas() {
  const none = { defines: [], flags: [], libraries: [] }
  const wish = process.env.AEVB_CBLAS ?? ''
  if (!['', '0', '1'].includes(wish)) throw new Error(`Expected 0 or 1 for AEVB_CBLAS but received ${wish}`)
  if (wish === '0') return none
  const found = candidates().find(works)
  if (!found && wish === '1') throw new Error('AEVB_CBLAS=1, but no CBLAS was found (OpenBLAS, or Accelerate on macOS)')
  return found ?? none
}

function candidates() {
  const has = 'AEVB_HAVE_CBLAS=1'
  if (process.platform === 'win32') return []
  if (process.platform === 'darwin') {
    const defines = [has, 'AEVB_CBLAS_ACCELERATE=1', 'ACCELERATE_NEW_LAPACK=1']
    return [{ defines, flags: [], libraries: ['-Wl,-framework,Accelerate'], header: 'Accelerate/Accelerate.h' }]
  }
  // pkg-config first: it knows OpenBLAS in folders of its own. Then what the compiler finds by itself, OpenBLAS or not.
  const openblas = [has, 'AEVB_CBLAS_OPENBLAS=1']
  const header = 'cblas.h'
  return [
    { defines: openblas, flags: pkgConfig('--cflags'), libraries: pkgConfig('--libs'), header },
    { defines: openblas, flags: [], libraries: ['-lopenblas'], header },
    { defines: [has], flags: [], libraries: ['-lcblas'], header },
  ]
}

function pkgConfig(what) {
  try {
    return run('pkg-config', [what, 'openblas']).trim().split(/\s+/).filter(Boolean)
  } catch {
    return []
  }
}

function works({ defines, flags, libraries, header }) {
  const openblas = defines.includes('AEVB_CBLAS_OPENBLAS=1')
  const program = `
    #include <${header}>
    int main() {
      const float a = 2, b = 3;
      float c = 0;
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 1, 1, 1, 1, &a, 1, &b, 1, 0, &c, 1);
      return c == 6 ${openblas ? '&& openblas_get_config() != nullptr ' : ''}? 0 : 1;
    }`
  const folder = mkdtempSync(join(tmpdir(), 'aevb-cblas-'))
  try {
    const [source, binary] = [join(folder, 'trial.cc'), join(folder, 'trial')]
    writeFileSync(source, program)
    const [compiler, ...own] = (process.env.CXX || 'c++').split(/\s+/)
    const preset = defines.map((define) => `-D${define}`)
    run(compiler, [...own, '-std=c++20', ...preset, ...flags, source, '-o', binary, ...libraries])
    run(binary, [])
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function run(command, args) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}

const binding = sources('native/binding')

const answers = {
  core: () => sources('native/core'),
  // The addon is the core with this.
  binding: () => binding,
  // The addon of tests and benchmarks is the core with this.
  bench: () => [...binding.filter((path) => !path.endsWith('/module.cc')), ...sources('native/bench')],
  // Only C++ tests link it.
  reference: () => sources('native/reference'),
  defines,
  flags,
  libraries,
}

const answer = answers[process.argv[2]]
if (!answer) throw new Error(`Expected one of ${Object.keys(answers).join(', ')} but received ${process.argv[2]}`)
try {
  console.log(answer().join('\n'))
} catch (error) {
  console.error(`aevb: ${error.message}`)
  process.exitCode = 1
}
