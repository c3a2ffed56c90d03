// Changes the core's arithmetic in one place at a time, and checks whether the tests notice.
//
//   npm run check:mutation                      200 changes; continues an earlier run that was stopped
//   npm run check:mutation -- --count 50 --seed 7
//   npm run check:mutation -- --file refine     only in files whose path contains this
//   npm run check:mutation -- --again           those that no test noticed, once more
//   npm run check:mutation -- --list            the changes that would be drawn, without running anything
//
// Works in a copy of the sources, build-mutation/tree; results are in build-mutation/results.jsonl, one change a line.
// A change that does not compile, or that leaves the compiled program as it was, is drawn again. For the others the C++
// tests of the subject run first, then all C++ tests, then the tests of test/*.test.ts in VITEST_FILES with an addon
// that contains the change. A crash and a test that does not end count as noticed. Needs CMake, Ninja and GoogleTest.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { draw } from './changes.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const work = join(root, 'build-mutation')
const tree = join(work, 'tree')
const build = join(work, 'build')
const resultsFile = join(work, 'results.jsonl')
const testProgram = join(build, 'test/native/aevb_tests')
const addon = join(build, 'aevb.node')

/** The C++ tests to run first, by the path of the changed file; the first match counts. */
const SUBJECTS = [
  [/gemm|panels\.h|layers\/dense/, '*Gemm*:*WholeModel*'],
  [/zeros/, '*ActivationKernels*:*Gemm*'],
  [/activation/, '*Activation*:*OnEveryTarget*'],
  [/latent\/prior_sample/, '*Infers*:Inference*:*Latent*'],
  [/latent|lanes\.h/, '*LatentKernels*:*PosteriorKernels*:LatentRegistry*'],
  [/likelihood\/bernoulli/, '*BernoulliKernels*'],
  [/likelihood\/(categorical|softmax)/, '*CategoricalKernels*:*CountKernels*'],
  [/likelihood\/(poisson|multinomial|count)/, '*CountKernels*'],
  [/likelihood\/continuous/, '*ContinuousBernoulliKernels*'],
  [
    /likelihood\/(gaussian|laplace|dispersion|elementwise)/,
    '*GaussianLikelihoodKernels*:*LaplaceKernels*:*BernoulliKernels*',
  ],
  [/likelihood\/draws/, 'Draws*'],
  [/likelihood\/likelihood/, 'Likelihood*:*WholeModel*'],
  [/log_factorial/, 'LogFactorial*:*CountKernels*'],
  [/math\/(simd|vector_math)/, '*VectorMath*:*Kernels*'],
  [/math\/random/, '*RandomKernels*'],
  [/math\/columns|panel_ops/, '*ColumnsKernels*:*WholeModel*'],
  [/math\/gather|dataset/, 'Dataset*:*GatherKernels*'],
  [/mmd/, '*Mmd*:ComposedGradient*'],
  [/total_correlation/, '*TotalCorrelation*'],
  [/coupling/, 'ComposedGradient*'],
  [/score_function/, 'ScoreFunction*'],
  [/importance/, 'Importance*'],
  [/objective\//, 'ObjectiveSchedule*:ComposedGradient*'],
  [/optimizer/, '*UpdateKernels*:*TrainedBy*:Schedule*'],
  [/trainer|training_rows|workspace/, 'EndsEarly*:*WholeModel*:*TrainedBy*'],
  [/corruption|binarize/, '*CorruptionKernels*:*BinarizeKernels*'],
  [/one_hot/, 'OneHot*'],
  [/inference|refine|rows|network|model/, '*Infer*:Overflows*:*WholeModel*'],
]

/** They measure time, and test none of the core's arithmetic. */
const LEFT_OUT = 'ThreadPool*:Teamwork*:AvailableCores*'

/** The tests of the package that compare numbers, the quick ones first. */
const VITEST_FILES = [
  'pytorch',
  'pytorch-steps',
  'fit',
  'vae',
  'objectives',
  'linear-gaussian',
  'conditions-and-draws',
  'class-conditions',
  'matrix',
  'training',
  'overflow',
  'save-load',
  'fit-options',
  'precision',
  'importance-weighted',
  'combinations',
  'bounds',
  'seeds',
  'scale',
  'posterior-draws',
  'log-likelihood',
  'refine-step',
].map((name) => `test/${name}.test.ts`)

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    file: { type: 'string', default: '' },
    again: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})

/** Memory is bounded, because a change may make a program allocate any amount. */
function limited(program, args) {
  if (process.platform !== 'linux') return [program, args]
  return ['sh', ['-c', 'ulimit -d 4194304; exec "$@"', 'sh', program, ...args]]
}

/** Ends the whole group of processes at the time limit. @returns { ok, output, why } */
function run(program, args, { seconds, env = {}, cwd = tree }) {
  return new Promise((resolve) => {
    const [command, all] = limited(program, args)
    const child = spawn(command, all, { cwd, env: { ...process.env, ...env }, detached: true })
    const forget = endWith(child)
    let output = ''
    const collect = (chunk) => {
      if (output.length < 1e6) output += chunk
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    let late = false
    const timer = setTimeout(() => {
      late = true
      process.kill(-child.pid, 'SIGKILL')
    }, seconds * 1000)
    child.on('error', (error) => {
      output += error
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      forget()
      const why = late ? 'does not end' : signal ? `crashes (${signal})` : undefined
      resolve({ ok: code === 0, output, why })
    })
  })
}

/** Ends the processes that a run has started when the run is stopped. */
function endWith(child) {
  const stop = () => process.exit(1)
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
  process.once('SIGINT', stop).once('SIGTERM', stop).once('exit', end)
  return () => process.off('SIGINT', stop).off('SIGTERM', stop).off('exit', end)
}

function must(program, args, cwd = root) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

/** Writes all sources anew, so that no change of a stopped run stays compiled. */
function copySources() {
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true })
  const files = ['CMakeLists.txt', 'package.json', 'tsconfig.json', 'vitest.config.ts']
  for (const path of ['native', 'scripts', 'src', 'test', ...files]) {
    cpSync(join(root, path), join(tree, path), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
}

/** -O1 compiles in half the time. */
function configure() {
  const include = must(process.execPath, [join(root, 'node_modules/cmake-js/bin/cmake-js'), 'print-cmakejs-include'])
  const launcher = spawnSync('ccache', ['--version']).status === 0 ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : []
  must('cmake', [
    ...['-G', 'Ninja', '-S', tree, '-B', build],
    ...['-DCMAKE_BUILD_TYPE=Mutation', '-DCMAKE_CXX_FLAGS_MUTATION=-O1 -DNDEBUG'],
    ...['-DAEVB_TESTS=ON', '-DCMAKE_JS_VERSION=mutation', '-DCMAKE_JS_LIB='],
    `-DCMAKE_JS_INC=${include.trim().split('\n').at(-1)}`,
    ...launcher,
  ])
}

const compile = (target) => run('cmake', ['--build', build, '--target', target], { seconds: 600 })
const hashOf = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')

async function runTests(filter, seconds) {
  const env = { GTEST_FAIL_FAST: '1', GTEST_BRIEF: '1', GTEST_COLOR: 'no' }
  const result = await run(testProgram, [`--gtest_filter=${filter}`], { seconds, env })
  const failed = result.output.match(/^\[ {2}FAILED {2}\] (\S+)/m)?.[1].replace(/,$/, '')
  return { ...result, by: failed ?? result.why ?? 'the test program ends with an error' }
}

async function runVitest(seconds) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', '--bail=1', '--reporter=dot', ...VITEST_FILES]
  const result = await run(process.execPath, args, { seconds, env: { AEVB_ADDON: addon, NO_COLOR: '1' } })
  return {
    ...result,
    by: result.output.match(/FAIL +(\S+ > [^\n]*)/)?.[1] ?? result.why ?? 'vitest ends with an error',
  }
}

/** @returns { outcome: 'noticed' | 'survived' | 'invalid', by? } */
async function judge(change, baseline) {
  const path = join(tree, change.file)
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n')
  if (lines[change.line - 1] !== change.before) throw new Error(`${change.file}:${change.line} is not what was drawn`)
  lines[change.line - 1] = change.after
  writeFileSync(path, lines.join('\n'))
  try {
    if (!(await compile('aevb_tests')).ok) return { outcome: 'invalid', by: 'does not compile' }
    if (hashOf(testProgram) === baseline.hash) return { outcome: 'invalid', by: 'the same program' }
    const [, subject] = SUBJECTS.find(([pattern]) => pattern.test(change.file)) ?? []
    for (const filter of subject ? [`${subject}-${LEFT_OUT}`, `-${subject}:${LEFT_OUT}`] : [`-${LEFT_OUT}`]) {
      const tests = await runTests(filter, baseline.seconds)
      if (!tests.ok) return { outcome: 'noticed', by: tests.by }
    }
    if (!(await compile('aevb')).ok) throw new Error('the addon does not compile')
    const vitest = await runVitest(baseline.vitestSeconds)
    return vitest.ok ? { outcome: 'survived' } : { outcome: 'noticed', by: vitest.by }
  } finally {
    writeFileSync(path, text)
  }
}

const idOf = ({ file, line, before, after }) => `${file}:${line}\n${before}\n${after}`

function readResults() {
  if (!existsSync(resultsFile)) return new Map()
  const lines = readFileSync(resultsFile, 'utf8').split('\n').filter(Boolean)
  return new Map(lines.map((line) => JSON.parse(line)).map((result) => [idOf(result), result]))
}

function show({ file, line, kind, before, after, outcome, by }) {
  console.log(
    `${outcome ?? kind}  ${file}:${line}${by ? `  (${by})` : ''}\n    ${before.trim()}\n    ${after.trim() || '(left out)'}`,
  )
}

/** The unchanged program must pass; how long that takes bounds what a change may take. */
async function prepare() {
  console.log('building the unchanged program')
  copySources()
  configure()
  for (const target of ['aevb_tests', 'aevb']) {
    const built = await compile(target)
    if (!built.ok) throw new Error(built.output)
  }
  const begin = performance.now()
  const tests = await runTests(`-${LEFT_OUT}`, 600)
  if (!tests.ok) throw new Error(`the unchanged program does not pass: ${tests.by}\n${tests.output}`)
  const between = performance.now()
  const vitest = await runVitest(600)
  if (!vitest.ok) throw new Error(`the unchanged addon does not pass: ${vitest.by}\n${vitest.output}`)
  // Other programs may take the processor meanwhile.
  const seconds = (milliseconds) => 30 + (3 * milliseconds) / 1000
  return {
    hash: hashOf(testProgram),
    seconds: seconds(between - begin),
    vitestSeconds: seconds(performance.now() - between),
  }
}

async function main() {
  setPriority(15)
  const { files, order } = draw(root, Number(options.count), Number(options.seed))
  const wanted = order.filter((index) => files[index].file.includes(options.file))
  if (options.list) {
    const taken = files.map(() => 0)
    for (const index of wanted) show(files[index].changes[taken[index]++])
    return
  }
  mkdirSync(work, { recursive: true })
  const results = readResults()
  const baseline = await prepare()
  const record = (change, verdict) => {
    const result = { ...change, ...verdict }
    results.set(idOf(change), result)
    appendFileSync(resultsFile, `${JSON.stringify(result)}\n`)
    return result
  }
  const known = (change) => {
    const result = results.get(idOf(change))
    return options.again && result?.outcome === 'survived' ? undefined : result
  }

  const taken = files.map(() => 0)
  const judged = []
  for (const index of wanted) {
    const { changes } = files[index]
    let result
    while (taken[index] < changes.length && (result === undefined || result.outcome === 'invalid')) {
      const change = changes[taken[index]++]
      const before = known(change)
      result = before ?? record(change, await judge(change, baseline))
      if (before === undefined && result.outcome !== 'invalid') show(result)
    }
    if (result !== undefined && result.outcome !== 'invalid') judged.push(result)
    const noticed = judged.filter(({ outcome }) => outcome === 'noticed').length
    console.log(`${noticed} of ${judged.length} noticed, ${wanted.length} wanted`)
  }
  const survivors = judged.filter(({ outcome }) => outcome === 'survived')
  console.log(`\nNo test notices ${survivors.length} of ${judged.length}:`)
  for (const survivor of survivors) show(survivor)
}

await main()
