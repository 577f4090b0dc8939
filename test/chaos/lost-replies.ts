import type { FaultProxy } from '../support/proxy.ts'

export interface LostReplies {
  /** How many were served and never heard of. */
  readonly lost: number
  /** The next request that matters is served; its answer is lost, and its connection with it. */
  arm(): void
  disarm(): void
}

/** Loses answers to requests whose text has `telling` in it. */
export function loseReplies(proxies: readonly FaultProxy[], telling: RegExp): LostReplies {
  let armed = 0
  let lost = 0
  for (const proxy of proxies) {
    const marked = new Set<number>()
    proxy.onRequest = (chunk, connection) => {
      if (armed > 0 && !marked.has(connection) && telling.test(chunk.toString('latin1'))) {
        armed--
        marked.add(connection)
      }
      return undefined
    }
    proxy.onReply = (_chunk, connection) => {
      if (!marked.delete(connection)) return undefined
      lost++
      return 'cut'
    }
  }
  return {
    get lost() {
      return lost
    },
    arm: () => void armed++,
    disarm: () => {
      armed = 0
    },
  }
}
