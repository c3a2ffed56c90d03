/** What `fit` shows on stderr: a live bar on a terminal, one plain line an epoch elsewhere. */

import type { SingleBar } from 'cli-progress'
import type { EpochRecord } from './callbacks.js'

/** Whom the training loop tells how it goes. */
export interface Progress {
  /** Whether `batch` wants to be called. */
  readonly live: boolean
  epochBegin(epoch: number, steps: number): void
  /** After step `batch`, counted from 0. */
  batch(batch: number, loss: number): void
  epochEnd(record: EpochRecord): void
  /** Training is over, for whatever reason. */
  stop(): void
}

/** `first` and `last` are the epochs that are to be trained, counted over the model's life. */
export async function makeProgress(verbose: boolean, last: number): Promise<Progress> {
  if (!verbose) return silent
  return process.stderr.isTTY ? await bar(last) : lines(last)
}

const silent: Progress = { live: false, epochBegin() {}, batch() {}, epochEnd() {}, stop() {} }

function lines(last: number): Progress {
  return { ...silent, epochEnd: (record) => process.stderr.write(`${epochLine(record, last)}\n`) }
}

async function bar(last: number): Promise<Progress> {
  const { default: cliProgress } = await import('cli-progress')
  let current: SingleBar | undefined
  const stop = () => {
    current?.stop()
    current = undefined
  }
  return {
    live: true,
    epochBegin(epoch, steps) {
      current = new cliProgress.SingleBar({
        format: `epoch ${epoch}/${last} {bar} {value}/{total} steps  {message}`,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 24,
        // What comes after an epoch's bar is a line of text; a program's own interrupt handling is its own.
        clearOnComplete: false,
        hideCursor: false,
        gracefulExit: false,
        stream: process.stderr,
      })
      current.start(steps, 0, { message: '' })
    },
    batch: (batch, loss) => current?.update(batch + 1, { message: `loss ${loss.toFixed(2)}` }),
    epochEnd(record) {
      current?.update(current.getTotal(), { message: summary(record) })
      stop()
    },
    stop,
  }
}

function epochLine(record: EpochRecord, last: number): string {
  return `epoch ${record.epoch}/${last}  ${summary(record)}`
}

function summary({ loss, reconstruction, kl, seconds, validation }: EpochRecord): string {
  const validated = validation ? `  validation loss ${validation.loss.toFixed(2)}` : ''
  const terms = `reconstruction ${reconstruction.toFixed(2)}, kl ${kl.toFixed(2)}`
  return `loss ${loss.toFixed(2)} (${terms})${validated}  ${seconds.toFixed(2)} s`
}
