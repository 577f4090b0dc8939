// Minimal batching: requests made while calls are running leave together when one ends. No time limit, and one bad
// request fails its whole batch.

/** @template Q, A @param {(requests: readonly Q[]) => Promise<readonly A[]>} send @param {number} width maximum concurrent calls */
export function gather(send, width) {
  /** @typedef {{ request: Q, resolve: (answer: A) => void, reject: (error: unknown) => void }} Waiting */
  /** @type {Waiting[]} */
  const waiting = []
  let underWay = 0
  let answering = 0
  let leaving = false

  function leave() {
    leaving = false
    while (
      underWay < width &&
      waiting.length > 0 &&
      waiting.length >= Math.floor((waiting.length + answering) / width)
    ) {
      void deliver(waiting.splice(0, Math.ceil((waiting.length + answering) / width)))
    }
  }

  /** @param {Waiting[]} batch */
  async function deliver(batch) {
    underWay++
    answering += batch.length
    try {
      const answers = await send(batch.map(({ request }) => request))
      for (const [index, one] of batch.entries()) one.resolve(/** @type {A} */ (answers[index]))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
    underWay--
    answering -= batch.length
    leave()
  }

  return (/** @type {Q} */ request) =>
    new Promise((/** @type {(answer: A) => void} */ resolve, reject) => {
      waiting.push({ request, resolve, reject })
      if (leaving) return
      leaving = true
      queueMicrotask(leave)
    })
}
