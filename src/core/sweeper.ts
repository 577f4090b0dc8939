import { AsyncLocalStorage } from 'node:async_hooks'
import { type Runtime, sleep } from './runtime.ts'
import type { Store } from './store.ts'
import { timeLimit } from './time-limit.ts'

/** Enough to keep up with any rate of claims that gathers in batches, small enough not to hold a lock for long. */
const SWEEP_LIMIT = 500

export interface SweeperOptions {
  readonly runtime: Runtime
  readonly sweepEveryMs: number
  /** How long one sweep may take: one that is never answered must not stop those after it, nor `close`. */
  readonly storeTimeoutMs: number
  readonly onFailure: (verb: string, error: unknown) => void
}

/** A sweeper that runs until it is stopped. */
export interface RunningSweeper extends AsyncDisposable {
  /** Resolves when the sweep that is under way is over. `once.close()` does the same. */
  stop(): Promise<void>
}

export interface Sweeper {
  /** To be called at every claim: records can only pile up where there are claims, so no timer is needed. */
  touch(): void
  /** Sweeps everything that is due now and then every `everyMs`, claims or not. */
  run(everyMs: number): RunningSweeper
  /** Stops what runs; resolves when no sweep of ours is under way. */
  drained(): Promise<void>
}

/** Removes what is past its retention, in the background, unless the store does so itself. */
export function createSweeper(store: Store, options: SweeperOptions): Sweeper {
  const { runtime, sweepEveryMs, storeTimeoutMs, onFailure } = options
  /** A sweep is none of the call's that sets it off, and must not be taken for part of its transaction. */
  const apart = AsyncLocalStorage.snapshot()
  let dueAt = runtime.elapsed() + sweepEveryMs
  let sweeping: Promise<void> | undefined

  const silent = () => new Error(`no answer within ${storeTimeoutMs} ms`)

  async function sweepSome(): Promise<number> {
    return await timeLimit(runtime, store.sweep(SWEEP_LIMIT), storeTimeoutMs, silent)
  }

  async function sweep(): Promise<void> {
    try {
      const removed = await sweepSome()
      // A full sweep means that more is waiting: go on at the next claim.
      dueAt = removed < SWEEP_LIMIT ? runtime.elapsed() + sweepEveryMs : 0
    } catch (error) {
      dueAt = runtime.elapsed() + sweepEveryMs
      onFailure('sweep', error)
    } finally {
      sweeping = undefined
    }
  }

  const running = new Set<() => Promise<void>>()

  /** Batch by batch, so that claims get their turn between. */
  async function sweepAll(stopping: AbortSignal): Promise<void> {
    try {
      while (!stopping.aborted && (await sweepSome()) >= SWEEP_LIMIT) await sleep(runtime, 0)
    } catch (error) {
      onFailure('sweep', error)
    }
  }

  function run(everyMs: number): RunningSweeper {
    const stopping = new AbortController()
    const { signal } = stopping
    const loop = async () => {
      while (!signal.aborted) {
        if (!store.traits.selfExpiring) await sweepAll(signal)
        await sleep(runtime, everyMs, signal)
      }
    }
    const ended = loop()
    const stop = () => {
      running.delete(stop)
      stopping.abort()
      return ended
    }
    running.add(stop)
    return { stop, [Symbol.asyncDispose]: stop }
  }

  return {
    run,
    touch() {
      if (store.traits.selfExpiring || sweeping !== undefined || runtime.elapsed() < dueAt) return
      sweeping = apart(sweep)
    },
    async drained() {
      await Promise.all([...running].map((stop) => stop()))
      await sweeping
    },
  }
}
