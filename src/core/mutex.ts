import type { Runtime } from './runtime.ts'

export interface Mutex {
  /** Waits in order of arrival. Returns the release function. @throws the error of `late` after `ms` */
  acquire(ms: number, late: () => Error): Promise<() => void>
}

/** One at a time: an SQLite connection has one transaction. */
export function createMutex(runtime: Runtime): Mutex {
  const waiting = new Set<() => void>()
  let held = false

  function releaseOnce(): () => void {
    let released = false
    return () => {
      if (released) return
      released = true
      const [next] = waiting
      if (next === undefined) held = false
      else next()
    }
  }

  return {
    acquire(ms, late) {
      if (!held) {
        held = true
        return Promise.resolve(releaseOnce())
      }
      return new Promise((resolve, reject) => {
        const enter = () => {
          cancel()
          waiting.delete(enter)
          resolve(releaseOnce())
        }
        const cancel = runtime.after(ms, () => {
          if (waiting.delete(enter)) reject(late())
        })
        waiting.add(enter)
      })
    },
  }
}
