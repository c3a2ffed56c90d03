/** What `fit` shows on stderr: a live bar on a terminal, one plain line an epoch elsewhere. */

import type { SingleBar } from 'cli-progress'
import type { EpochRecord } from '../history.js'
import type { Verbosity } from '../options/fit-options.js'

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

/** Makes the progress of a `fit`. `last` is the epoch that it ends with, counted over the model's life. */
export type ProgressMaker = (last: number) => Progress

/** In two parts, because the way to draw is loaded before `last` is known. */
export async function loadProgress(verbose: Verbosity): Promise<ProgressMaker> {
  if (verbose === 0) return () => silent
  return verbose === 1 && process.stderr.isTTY ? await loadBar() : lines
}

const silent: Progress = { live: false, epochBegin() {}, batch() {}, epochEnd() {}, stop() {} }

function lines(last: number): Progress {
  return { ...silent, epochEnd: (record) => process.stderr.write(`${epochLine(record, last)}\n`) }
}

async function loadBar(): Promise<ProgressMaker> {
  const { default: cliProgress } = await import('cli-progress')
  return (last) => bar(cliProgress, last)
}

function bar(cliProgress: typeof import('cli-progress'), last: number): Progress {
  let current: SingleBar | undefined
  let begin = 0
  let [first, steps, done] = [0, 0, 0]
  const stop = () => {
    current?.stop()
    current = undefined
  }
  return {
    live: true,
    epochBegin(epoch, count) {
      if (first === 0) {
        begin = performance.now()
        first = epoch
      }
      steps = count
      done = (epoch - first) * steps
      current = new cliProgress.SingleBar({
        format: `epoch ${epoch}/${last} {bar} {value}/{total} steps  {message}`,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 24,
        // The epoch's line takes its place.
        clearOnComplete: true,
        // How a program answers an interrupt is its own affair, so the terminal is left as it is.
        hideCursor: false,
        gracefulExit: false,
        stream: process.stderr,
      })
      current.start(steps, 0, { message: '' })
    },
    batch(batch, loss) {
      const sofar = done + batch + 1
      const left = ((performance.now() - begin) / sofar) * ((last - first + 1) * steps - sofar)
      current?.update(batch + 1, { message: `loss ${loss.toFixed(2)}  ${duration(left / 1000)} left` })
    },
    epochEnd(record) {
      stop()
      process.stderr.write(`${epochLine(record, last)}\n`)
    },
    stop,
  }
}

/** Seconds, minutes or hours, whichever a reader would say. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)]
  const two = (value: number) => String(value).padStart(2, '0')
  return hours > 0 ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(whole % 60)} s`
}

function epochLine({ epoch, loss, reconstruction, kl, seconds, validation }: EpochRecord, last: number): string {
  const terms = `loss ${loss.toFixed(2)} (reconstruction ${reconstruction.toFixed(2)}, kl ${kl.toFixed(2)})`
  const validated = validation ? `  validation loss ${validation.loss.toFixed(2)}` : ''
  return `epoch ${epoch}/${last}  ${terms}${validated}  ${seconds.toFixed(2)} s`
}
