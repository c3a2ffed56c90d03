/** The epochs of one `fit`. */

import { type EpochRecord, type History, type Losses, lossesOf } from '../history.js'
import { orAborted, run, throwIfAborted, translated } from '../jobs.js'
import type { EpochResult, Job, NativeDataset, NativeModel } from '../native.js'
import type { Callbacks } from '../options/callbacks.js'
import type { FitPlan } from '../options/fit-options.js'
import { BatchCalls } from './batch-calls.js'
import type { Gate } from './gate.js'
import { loadProgress, type Progress } from './progress.js'

/** A progress bar is updated ten times a second; telling it more often would only cost. */
const BAR_INTERVAL_MS = 100

/** Rows and, of a conditional model, their condition. */
export interface Examples {
  readonly data: NativeDataset
  readonly condition: NativeDataset | undefined
}

export interface Training {
  readonly model: NativeModel
  readonly gate: Gate
  readonly plan: FitPlan
  readonly rows: Examples
  readonly validation: Examples | undefined
  /** Draws of z for each validation row. */
  readonly samples: number
  /**
   * Told of each epoch as soon as it is trained, even if `fit` has rejected by then, and of its validation by a second
   * record of the same epoch.
   */
  readonly onRecord: (record: EpochRecord) => void
}

/** Trains, and gives the epochs of this `fit` alone. */
export async function train(training: Training): Promise<History> {
  const { model, gate, plan } = training
  const epochs: EpochRecord[] = []
  const makeProgress = await loadProgress(plan.verbose)
  await gate.begin(() => translated(() => model.beginFit(plan.spec)), plan.signal)
  // Only now: what an aborted `fit` left running may have ended an epoch.
  const progress = makeProgress(translated(() => model.epochsTrained) + plan.epochs)
  try {
    await notify(plan, (callback) => callback.onTrainBegin?.())
    for (let i = 0; i < plan.epochs; i++) {
      const epoch = translated(() => model.epochsTrained) + 1
      await notify(plan, (callback) => callback.onEpochBegin?.(epoch))
      const record = await trainAndValidate(training, epoch, progress)
      epochs.push(record)
      progress.epochEnd(record)
      await notify(plan, (callback) => callback.onEpochEnd?.(epoch, record))
    }
    const history: History = { epochs }
    await notify(plan, (callback) => callback.onTrainEnd?.(history))
    return history
  } finally {
    progress.stop()
  }
}

/** Calls one callback after the other, each awaited: training is paused meanwhile. */
async function notify({ callbacks, signal }: FitPlan, call: (callback: Callbacks) => unknown): Promise<void> {
  for (const callback of callbacks) {
    throwIfAborted(signal)
    await orAborted(Promise.resolve(call(callback)), signal)
  }
  throwIfAborted(signal)
}

async function trainAndValidate(training: Training, epoch: number, progress: Progress): Promise<EpochRecord> {
  const trained = recordOf(epoch, await trainEpoch(training, epoch, progress))
  const validation = await validate(training)
  if (!validation) return trained
  const record = { ...trained, validation }
  training.onRecord(record)
  return record
}

function recordOf(epoch: number, result: EpochResult): EpochRecord {
  return { epoch, ...lossesOf(result), seconds: result.seconds }
}

async function trainEpoch(training: Training, epoch: number, progress: Progress): Promise<EpochResult> {
  const { model, gate, plan, rows } = training
  let job: Job<EpochResult> | undefined
  const calls = new BatchCalls(plan.callbacks, epoch, () => job?.cancel())
  const tellsBegin = plan.callbacks.some((callback) => callback.onBatchBegin)
  const tellsEnd = plan.callbacks.some((callback) => callback.onBatchEnd)
  progress.epochBegin(epoch, Math.ceil(rows.data.rows / plan.spec.batchSize))
  try {
    const result = await run(() => {
      job = model.trainEpoch(rows.data, {
        threads: plan.threads,
        condition: rows.condition,
        batchInterval: tellsEnd ? 0 : BAR_INTERVAL_MS,
        ...(tellsBegin && { onBatchBegin: (batch: number) => calls.begin(batch) }),
        ...((tellsEnd || progress.live) && {
          onBatchEnd: (end) => {
            progress.batch(end.batch, end.loss)
            calls.end(end)
          },
        }),
      })
      // Here, because this epoch counts although the wait for it may be given up, or a callback of its last step throw.
      job.promise.then((result) => training.onRecord(recordOf(epoch, result)), ignore)
      return gate.trackEpoch(job)
    }, plan.signal)
    await orAborted(calls.settle(), plan.signal)
    return result
  } catch (error) {
    calls.throwFailure()
    throw error
  } finally {
    calls.close()
  }
}

async function validate({ model, gate, plan, validation, samples }: Training): Promise<Losses | undefined> {
  if (!validation) return undefined
  const { signal, threads } = plan
  // The same draws after every epoch, so that only the model makes the difference.
  const { data, condition } = validation
  const terms = await run(() => gate.track(model.evaluate(data, { threads, samples, seed: 0, condition })), signal)
  return lossesOf(terms)
}

function ignore(): void {}
